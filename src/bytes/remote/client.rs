//! Requests to servers: redirects, credentials and retries.

use super::address::{Address, Reach, Scheme};
use super::failure::Failure;
use super::guard::{Guarded, NOT_PUBLIC, is_loopback, leads_where_it_may};
use super::servers::Servers;
use super::settings::{Netrc, Settings, basic_of};
use super::storage;
use crate::error::{Error, Result};
use std::io::Read;
use std::ops::Range;
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::{HeaderMap, Request, Response, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Proxy};

/// Largest number of redirects that are followed.
const REDIRECTS: usize = 10;
/// Largest number of tries of a request, and the pause before the second try; each further pause is
/// three times as long.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);
/// Longest time for a server to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Lowest useful rate of a connection, in bytes per second.
const SLOWEST: u64 = 64 * 1024;
/// Largest number of bytes that are read of an error's answer.
const ERROR_TEXT: u64 = 4096;
/// Where systems store the certificates of trusted authorities.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A client that requests files from servers.
pub(crate) struct Client {
    pub(super) settings: Settings,
    pub(super) servers: Servers,
    pub(super) storage: storage::StorageSettings,
    netrc: Netrc,
    /// For requests to this machine itself, never through a proxy.
    direct: Agent,
    /// One for each reach.
    agents: [Agent; 3],
}

/// The content of a request.
#[derive(Clone, Debug)]
pub(super) struct Asked<'a> {
    pub(super) bytes: Range<u64>,
    /// The tag of the version that the bytes must belong to.
    pub(super) if_match: Option<&'a str>,
}

/// An answer that holds bytes of a file, or says that the file has none there.
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Where the last redirect led.
    pub(super) from: Option<Address>,
}

impl Client {
    /// # Errors
    /// A file of certificates cannot be read.
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let tls = TlsConfig::builder().root_certs(authorities(&settings)?).build();
        let config = |proxy: Option<Proxy>| {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .user_agent(concat!("epivizrs/", env!("CARGO_PKG_VERSION")))
                .accept_encoding("identity")
                .tls_config(tls.clone())
                .proxy(proxy)
                .timeout_connect(Some(CONNECT.min(settings.timeout)))
                .max_idle_connections(64)
                .max_idle_connections_per_host(16)
                .build()
        };
        let agent = |config: Config, reach: Reach| match reach {
            Reach::Anywhere => {
                Agent::with_parts(config, DefaultConnector::default(), DefaultResolver::default())
            }
            reach => Agent::with_parts(config, DefaultConnector::default(), Guarded::new(reach)),
        };
        let through_proxy = |reach| agent(config(Proxy::try_from_env()), reach);
        Ok(Client {
            servers: Servers::default(),
            storage: storage::StorageSettings::of_user(),
            netrc: Netrc::of_user(),
            direct: agent(config(None), Reach::Anywhere),
            agents: [Reach::Anywhere, Reach::Elsewhere, Reach::Public].map(through_proxy),
            settings,
        })
    }

    /// Requests bytes of a file until they have arrived or it is clear that they will not. At most
    /// `limit` bytes of an answer are read.
    pub(super) fn get(
        &self,
        address: &Address,
        asked: &Asked<'_>,
        limit: u64,
    ) -> Result<HttpAnswer, Failure> {
        let server = self.servers.of(address);
        server.check()?;
        let end = Instant::now() + self.settings.timeout;
        let mut pause = PAUSE;
        let mut tries = 1;
        loop {
            let began = Instant::now();
            let result = self.follow(address, asked, limit, end);
            let bytes = result.as_ref().map_or(0, |answer| answer.body.len() as u64);
            server.count(bytes, began.elapsed(), result.is_err());
            let failure = match result {
                Ok(answer) => {
                    server.answered();
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            let wait = failure.again().unwrap_or(pause).max(pause);
            // A server that was down is asked only once, to check whether it still is.
            let last = tries == TRIES || server.is_doubtful();
            if last || !failure.may_pass() || Instant::now() + wait >= end {
                if failure.is_of_server() {
                    server.failed(&failure);
                } else {
                    server.answered();
                }
                return Err(failure);
            }
            tracing::debug!(address = ?address, "retrying in {wait:?}: {failure}");
            std::thread::sleep(wait);
            (tries, pause) = (tries + 1, pause * 3);
        }
    }

    /// Makes a request, and those that redirects lead to.
    fn follow(
        &self,
        first: &Address,
        asked: &Asked<'_>,
        limit: u64,
        end: Instant,
    ) -> Result<HttpAnswer, Failure> {
        let mut at = first.clone();
        for _ in 0..=REDIRECTS {
            let (response, asked_with_credentials) = self.ask(&at, first, asked, end, limit)?;
            let status = response.status().as_u16();
            let region =
                response.headers().get("x-amz-bucket-region").and_then(|text| text.to_str().ok());
            if at.scheme() == Scheme::S3
                && let Some(region) = region.filter(|_| matches!(status, 301 | 307 | 400))
                && self.storage.learn_region(at.host(), region)
            {
                continue;
            }
            let target =
                response.headers().get(header::LOCATION).and_then(|text| text.to_str().ok());
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                let from = (at != *first).then_some(at);
                return match finish(response, limit) {
                    Ok(answer) => Ok(HttpAnswer { from, ..answer }),
                    Err(Failure::Status { number, word, again, .. }) => {
                        Err(Failure::Status { number, word, again, asked_with_credentials })
                    }
                    Err(failure) => Err(failure),
                };
            }
            let Some(target) = target else {
                return Err(Failure::Redirects("the server redirects without an address"));
            };
            let next = at
                .join(target)
                .ok()
                .filter(|next| matches!(next.scheme(), Scheme::Http | Scheme::Https));
            let Some(next) = next else {
                return Err(Failure::Redirects("the server redirects to an invalid address"));
            };
            // Servers on this machine may redirect to each other.
            let is_local = first.reach() == Reach::Anywhere && is_loopback(first.host_name());
            let stays = next.is_of_server(first) || is_local;
            let reach = if stays { first.reach() } else { first.reach().max(Reach::Elsewhere) };
            at = next.with_reach(reach);
        }
        Err(Failure::Redirects("the server's redirects form a loop; check the address"))
    }

    fn ask(
        &self,
        at: &Address,
        first: &Address,
        asked: &Asked<'_>,
        end: Instant,
        limit: u64,
    ) -> Result<(Response<Body>, bool), Failure> {
        let is_own = at.is_of_server(first);
        let target = storage::target(&self.storage, at)?;
        let reach = self.reach(first, at);
        if !leads_where_it_may(reach, &target.host) {
            return Err(Failure::NotPublic(target.host));
        }
        let mut request = Request::get(&target.url);
        let range = format!("bytes={}-{}", asked.bytes.start, asked.bytes.end.saturating_sub(1));
        let mut headers: Vec<(String, String)> = vec![("Range".into(), range)];
        if let Some(tag) = asked.if_match {
            headers.push(("If-Match".into(), tag.into()));
        }
        headers.extend(target.headers(&headers));
        if let Some(user) = at.user().filter(|_| is_own) {
            headers.push(("Authorization".into(), basic_of(user)));
        }
        let is_named = is_own && first.reach() == Reach::Anywhere;
        let own = self.settings.headers.iter().filter_map(|header| header.of(at, is_named));
        headers.extend(own.map(|(name, value)| (name.into(), value.into())));
        let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !has("Authorization")
            && let Some(value) = self.netrc.authorization(at.host_name(), is_named)
        {
            headers.push(("Authorization".into(), value));
        }
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let has_credentials =
            headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let wrong = |_| Failure::Settings("the address or a header cannot be sent".into());
        let request = request.body(()).map_err(wrong)?;
        let agent =
            if is_loopback(&target.host) { &self.direct } else { &self.agents[reach as usize] };
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let body = left
            + Duration::from_secs(
                asked.bytes.end.saturating_sub(asked.bytes.start).min(limit) / SLOWEST,
            );
        let request = agent
            .configure_request(request)
            .timeout_resolve(Some(left))
            .timeout_recv_response(Some(left))
            .timeout_recv_body(Some(body))
            .timeout_per_read(Some(left))
            .build();
        match agent.run(request) {
            Ok(response) => Ok((response, has_credentials)),
            Err(error) => Err(failed(error, &target.host)),
        }
    }

    /// Returns which machines a request may reach: any if the user allowed the server by name.
    fn reach(&self, first: &Address, at: &Address) -> Reach {
        let allows = |address: &Address| {
            let mut named = self.settings.allowed.iter().filter(|pattern| pattern.names_server());
            named.any(|pattern| pattern.holds(address))
        };
        if at.is_of_server(first) && first.reach() == Reach::Public && allows(first) {
            return Reach::Anywhere;
        }
        at.reach()
    }
}

/// Reads an answer.
fn finish(response: Response<Body>, limit: u64) -> Result<HttpAnswer, Failure> {
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let says = |name: header::HeaderName| {
        parts.headers.get(name).and_then(|text| text.to_str().ok()).map(str::to_owned)
    };
    let length = body.content_length();
    let is_error = !matches!(status, 200 | 206 | 412 | 416);
    let limit = if is_error { ERROR_TEXT } else { limit };
    let mut bytes = Vec::new();
    if status == 200 && length.is_some_and(|length| length > limit) {
        // A whole file that is too large.
        return Ok(HttpAnswer { status, headers: parts.headers, body: bytes, from: None });
    }
    // Reads one byte more than wanted: only a body that is read to its end frees its connection for
    // the next request.
    let read = body.into_reader().take(limit + 1).read_to_end(&mut bytes);
    if is_error {
        let again = says(header::RETRY_AFTER).and_then(|text| text.trim().parse().ok());
        return Err(Failure::Status {
            number: status,
            word: word(&bytes),
            again: again.map(Duration::from_secs),
            asked_with_credentials: false,
        });
    }
    read.map_err(|error| cut_off(&error))?;
    bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if length.is_some_and(|length| (bytes.len() as u64) < length.min(limit)) {
        return Err(Failure::Cut);
    }
    Ok(HttpAnswer { status, headers: parts.headers, body: bytes, from: None })
}

/// Returns the error code in the answer of a storage server: `<Code>AccessDenied</Code>`.
fn word(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let word = code.map_or("", |(code, _)| code);
    let is_sound = word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_sound { word.to_owned() } else { String::new() }
}

/// Returns the failure for an error while the body of an answer is read.
fn cut_off(error: &std::io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(ureq::Error::Timeout(_)) => Failure::TooSlow,
        _ if error.kind() == std::io::ErrorKind::TimedOut => Failure::TooSlow,
        _ => Failure::Cut,
    }
}

fn failed(error: ureq::Error, host: &str) -> Failure {
    use std::io::ErrorKind;
    match error {
        ureq::Error::HostNotFound => Failure::NoSuchHost(host.to_owned()),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            Failure::NoConnection(host.to_owned(), "it does not answer".into())
        }
        ureq::Error::Timeout(_) => Failure::TooSlow,
        ureq::Error::Io(error) if error.to_string() == NOT_PUBLIC => {
            Failure::NotPublic(host.to_owned())
        }
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => {
                Failure::NoConnection(host.to_owned(), "nothing listens there".into())
            }
            ErrorKind::ConnectionReset
            | ErrorKind::UnexpectedEof
            | ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted => Failure::Cut,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Failure::TooSlow,
            // TLS reports a wrong certificate as this kind.
            ErrorKind::InvalidData => Failure::Certificate(error.to_string()),
            // The system's error for an unknown name has no kind of its own.
            _ if error.to_string().contains("lookup address") => {
                Failure::NoSuchHost(host.to_owned())
            }
            _ => {
                let text = error.to_string();
                let why = text.split(" (os error").next().unwrap_or_default();
                Failure::NoConnection(host.to_owned(), why.to_owned())
            }
        },
        ureq::Error::Rustls(error) => Failure::Certificate(error.to_string()),
        ureq::Error::Tls(what) => Failure::Certificate(what.to_owned()),
        ureq::Error::ConnectProxyFailed(why) => {
            Failure::NoConnection(host.to_owned(), format!("the proxy says: {why}"))
        }
        ureq::Error::ConnectionFailed => {
            Failure::NoConnection(host.to_owned(), "no connection".into())
        }
        other => Failure::Strange(format!("the server's answer is not HTTP ({other})")),
    }
}

/// Returns the certificates of trusted authorities: those of the system and of the user.
fn authorities(settings: &Settings) -> Result<RootCerts> {
    let of_user = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty());
    let own = settings.ca_file.clone().or(of_user.map(Into::into));
    let Some(own) = own else {
        // Mozilla's certificates, which are part of this program, are as good as the system's, but
        // lack authorities that an institution may have added to the system's.
        let system = SYSTEM_AUTHORITIES.iter().find_map(|path| std::fs::read(path).ok());
        let known = system.map(|pem| certificates(&pem)).filter(|all| !all.is_empty());
        return Ok(known.map_or(RootCerts::WebPki, RootCerts::from));
    };
    let pem = std::fs::read(&own).map_err(|error| Error::io(&own, error))?;
    let mut all = certificates(&pem);
    if all.is_empty() {
        let what = "holds no certificate; expected PEM: -----BEGIN CERTIFICATE-----";
        return Err(Error::data(&own, "", what));
    }
    let system = SYSTEM_AUTHORITIES.iter().find_map(|path| std::fs::read(path).ok());
    all.extend(system.iter().flat_map(|pem| certificates(pem)));
    Ok(all.into())
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    let items = parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    items.collect()
}
