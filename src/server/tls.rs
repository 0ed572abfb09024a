//! TLS on the endpoint's port, with a certificate and a key that are reloaded when they change.

use crate::bytes::Version;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate and its key, from PEM files.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    /// The versions of the files at the last attempt to read them.
    versions: [Option<Version>; 2],
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Reads the certificate, followed by its intermediate certificates, and the key.
    ///
    /// # Errors
    /// [`Error::Data`] if they cannot be read, or do not match.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self> {
        let current =
            Current { versions: versions(certificate, key), acceptor: acceptor(certificate, key)? };
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Ok(Tls { certificate, key, current: Mutex::new(current) })
    }

    /// Returns the acceptor for a connection. Reloads the files if they have changed; if they are
    /// invalid, the previous certificate stays in use.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = versions(&self.certificate, &self.key);
        if now != current.versions {
            current.versions = now;
            match acceptor(&self.certificate, &self.key) {
                Ok(acceptor) => {
                    tracing::info!("the certificate was reloaded");
                    current.acceptor = acceptor;
                }
                Err(error) => tracing::error!("the previous certificate stays in use: {error}"),
            }
        }
        current.acceptor.clone()
    }
}

fn versions(certificate: &Path, key: &Path) -> [Option<Version>; 2] {
    [certificate, key].map(Version::at)
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let bad = |path: &Path, why: &dyn std::fmt::Display| Error::data(path, "", why.to_string());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| bad(certificate, &error))?;
    if chain.is_empty() {
        return Err(bad(certificate, &"it contains no PEM certificate"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Bug(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| bad(key, &format!("it does not fit the certificate: {error}")))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Prints the certificate's path, but no contents.
impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = formatter.debug_struct("Tls");
        text.field("certificate", &self.certificate).finish_non_exhaustive()
    }
}
