//! TLS to the endpoint.

use crate::error::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Encrypts a connection to the machine `host` (with its port). Public authorities are trusted, and
/// those in the file `authorities`.
///
/// # Errors
/// [`Error::Data`] for a file without certificates; [`Error::Input`] if the endpoint's certificate
/// is not trusted, with the remedy, or if it does not speak TLS.
pub(super) async fn encrypt(
    stream: TcpStream,
    host: &str,
    authorities: Option<&Path>,
) -> Result<TlsStream<TcpStream>> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_matches(['[', ']']).to_owned();
    let said = |why: &dyn std::fmt::Display| Error::Input(format!("{host}: {why}"));
    let name = ServerName::try_from(name).map_err(|error| said(&error))?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Bug(error.to_string()))?
        .with_root_certificates(trusted(authorities)?)
        .with_no_client_auth();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| {
        let remedy = if error.to_string().contains("invalid peer certificate") {
            "; give the certificate of its authority, or its own, with --ca-file"
        } else {
            "; without TLS, the address begins with ws://"
        };
        said(&format!("no connection with TLS: {error}{remedy}"))
    })
}

fn trusted(authorities: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let Some(path) = authorities else { return Ok(roots) };
    let bad = |why: &dyn std::fmt::Display| Error::data(path, "", why.to_string());
    let read = CertificateDer::pem_file_iter(path).map_err(|error| bad(&error))?;
    let mut count = 0;
    for certificate in read {
        let certificate = certificate.map_err(|error| bad(&error))?;
        roots.add(certificate).map_err(|error| bad(&error))?;
        count += 1;
    }
    if count == 0 { Err(bad(&"it contains no PEM certificate")) } else { Ok(roots) }
}
