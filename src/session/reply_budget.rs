//! The memory of answers that have not been sent yet, over all pages.
//!
//! An answer is charged before it is built, with an estimate, and then with its size; the charge is
//! released when it has been sent. While there is no room, requests wait; after some time they are
//! answered without rows, so that clients that do not read cannot hold up those that do.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Unit of the budget, in bytes.
const UNIT: usize = 1024;
/// How long a request waits for room.
const PATIENCE: Duration = Duration::from_secs(5);
/// The part of the budget that one page may have in answers before its requests are left unread.
const SHARE: usize = 8;

/// The budget of all answers.
#[derive(Clone, Debug)]
pub struct ReplyBudget {
    room: Arc<Semaphore>,
    units: u32,
    patience: Duration,
}

/// What an answer takes of the budget, until it is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: ReplyBudget,
    permit: OwnedSemaphorePermit,
}

impl ReplyBudget {
    /// Creates a budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).clamp(1, 1 << 29);
        ReplyBudget { room: Arc::new(Semaphore::new(units as usize)), units, patience: PATIENCE }
    }

    /// Sets how long requests wait for room.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        ReplyBudget { patience, ..self }
    }

    /// Returns the number of bytes of all answers that have not been sent yet.
    pub fn used(&self) -> usize {
        (self.units as usize).saturating_sub(self.room.available_permits()) * UNIT
    }

    /// Returns how many bytes of answers one page may have before its requests are left unread.
    pub fn share(&self) -> usize {
        self.units as usize * UNIT / SHARE
    }

    fn units(&self, bytes: usize) -> u32 {
        // An answer that is larger than the budget is built while there is no other.
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.units)
    }

    /// Charges an answer of about so many bytes; `None` if there is no room for it in time.
    pub async fn charge(&self, bytes: usize) -> Option<Charge> {
        let permit = self.room.clone().acquire_many_owned(self.units(bytes));
        let permit = tokio::time::timeout(self.patience, permit).await.ok()?.ok()?;
        Some(Charge { budget: self.clone(), permit })
    }
}

impl Default for ReplyBudget {
    fn default() -> Self {
        ReplyBudget::new(256 << 20)
    }
}

impl Charge {
    /// Corrects the charge to the size of the answer. One that is larger than it was estimated is
    /// charged as far as there is room.
    pub fn settle(&mut self, bytes: usize) {
        let (now, wanted) = (self.permit.num_permits(), self.budget.units(bytes) as usize);
        if now > wanted {
            drop(self.permit.split(now - wanted));
        } else if let Ok(more) = u32::try_from(wanted - now)
            && let Ok(more) = self.budget.room.clone().try_acquire_many_owned(more)
        {
            self.permit.merge(more);
        }
    }

    /// Returns the number of bytes that are charged.
    pub fn bytes(&self) -> usize {
        self.permit.num_permits() * UNIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_are_charged_until_they_are_dropped() {
        let budget = ReplyBudget::new(10 * UNIT).with_patience(Duration::ZERO);
        let mut one = budget.charge(6 * UNIT).await.unwrap();
        assert_eq!(budget.used(), 6 * UNIT);
        assert!(budget.charge(5 * UNIT).await.is_none(), "no room");
        one.settle(2 * UNIT + 1);
        assert_eq!((budget.used(), one.bytes()), (3 * UNIT, 3 * UNIT));
        let mut other = budget.charge(5 * UNIT).await.unwrap();
        other.settle(7 * UNIT);
        assert_eq!(budget.used(), 10 * UNIT);
        drop((one, other));
        assert_eq!(budget.used(), 0);
        let whole = budget.charge(usize::MAX).await.unwrap();
        assert_eq!(whole.bytes(), 10 * UNIT, "one that is too large is built alone");
    }
}
