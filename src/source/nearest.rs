//! Messages for unknown names, which suggest the nearest known one.

/// Returns the message for an unknown name, which lists the known names and suggests the nearest.
pub fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    let meant = suggestion(name, known.iter().copied());
    format!("unknown {what} '{name}'; known are {}{meant}", known.join(", "))
}

/// Returns `; did you mean 'NAME'?` with the nearest of the known names; empty if none is
/// near.
pub fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map_or(String::new(), |nearest| format!("; did you mean '{nearest}'?"))
}

/// Returns the known name that differs from `name` by at most two typing errors.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&known.to_lowercase(), &name);
    let (distance, nearest) = known.map(|known| (distance(known), known)).min()?;
    // Two errors would change a short word entirely.
    let most = if name.chars().count() < 4 { 1 } else { 2 };
    (distance <= most).then_some(nearest)
}
