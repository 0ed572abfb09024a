//! Object storage: its settings, and the URLs of objects.

use super::address::{Address, Scheme};
use super::failure::Failure;
use super::signature::{Secret, Signed, SigningKeys, sorted, timestamp};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Settings of object storage, from the environment and the files of its own tools.
#[derive(Debug, Default)]
pub(crate) struct StorageSettings {
    keys: Option<SigningKeys>,
    region: Option<String>,
    endpoint: Option<String>,
    google_endpoint: Option<String>,
    google_token: Option<Secret>,
    azure_account: Option<String>,
    azure_endpoint: Option<String>,
    azure_signature: Option<Secret>,
    azure_token: Option<Secret>,
    /// The regions of buckets, as servers reported them.
    regions: Mutex<HashMap<String, String>>,
}

/// The target of a request.
pub(super) struct Target<'s> {
    pub(super) url: String,
    /// The host without its port.
    pub(super) host: String,
    sign: Sign<'s>,
}

enum Sign<'s> {
    Not,
    Headers(Vec<(String, String)>),
    Amazon { keys: &'s SigningKeys, host: String, path: String, query: String, region: String },
}

impl StorageSettings {
    /// Reads the settings of the user's environment.
    pub(super) fn of_user() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        Self::read(variable, |path| std::fs::read_to_string(path).ok())
    }

    fn read(
        variable: impl Fn(&str) -> Option<String>,
        file: impl Fn(&Path) -> Option<String>,
    ) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let home = set("HOME").map(PathBuf::from);
        let of_tools = |name: &str, usual: &str| {
            let path = set(name).map(PathBuf::from).or_else(|| Some(home.clone()?.join(usual)))?;
            file(&path)
        };
        let credentials =
            of_tools("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials").unwrap_or_default();
        let config = of_tools("AWS_CONFIG_FILE", ".aws/config").unwrap_or_default();
        let profile = set("AWS_PROFILE").unwrap_or_else(|| "default".into());
        let of_profile = |key: &str| {
            let heading =
                if profile == "default" { "default".into() } else { format!("profile {profile}") };
            entry(&credentials, &profile, key).or_else(|| entry(&config, &heading, key))
        };
        let of_environment = || {
            let token = set("AWS_SESSION_TOKEN").map(Secret);
            Some(SigningKeys {
                id: set("AWS_ACCESS_KEY_ID")?,
                secret: Secret(set("AWS_SECRET_ACCESS_KEY")?),
                token,
            })
        };
        let of_files = || {
            let token = of_profile("aws_session_token").map(Secret);
            let (id, secret) =
                (of_profile("aws_access_key_id")?, of_profile("aws_secret_access_key")?);
            Some(SigningKeys { id, secret: Secret(secret), token })
        };
        // A requested profile has priority over keys that happen to be in the environment.
        let keys = if set("AWS_PROFILE").is_some() {
            of_files().or_else(of_environment)
        } else {
            of_environment().or_else(of_files)
        };
        let is_on =
            |text: String| !matches!(text.to_ascii_lowercase().as_str(), "no" | "false" | "0");
        let is_anonymous = set("AWS_NO_SIGN_REQUEST").is_some_and(is_on);
        StorageSettings {
            keys: keys.filter(|_| !is_anonymous),
            region: set("AWS_REGION")
                .or(set("AWS_DEFAULT_REGION"))
                .or_else(|| of_profile("region")),
            endpoint: set("AWS_ENDPOINT_URL_S3")
                .or(set("AWS_ENDPOINT_URL"))
                .or_else(|| of_profile("endpoint_url")),
            google_endpoint: set("STORAGE_EMULATOR_HOST"),
            google_token: set("GOOGLE_OAUTH_ACCESS_TOKEN").or(set("GCS_OAUTH_TOKEN")).map(Secret),
            azure_account: set("AZURE_STORAGE_ACCOUNT"),
            azure_endpoint: set("AZURE_STORAGE_ENDPOINT"),
            azure_signature: set("AZURE_STORAGE_SAS_TOKEN").map(Secret),
            azure_token: set("AZURE_STORAGE_TOKEN").map(Secret),
            regions: Mutex::default(),
        }
    }

    fn region(&self, bucket: &str) -> String {
        let known = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(bucket).cloned();
        known.or_else(|| self.region.clone()).unwrap_or_else(|| "us-east-1".into())
    }

    /// Stores the region of a bucket, as a server reported it. Returns whether it is new.
    pub(super) fn learn_region(&self, bucket: &str, region: &str) -> bool {
        let is_name =
            !region.is_empty() && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_name || self.region(bucket) == region {
            return false;
        }
        let mut known = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(bucket.to_owned(), region.to_owned());
        true
    }
}

/// Returns the value of a key in a section of a file such as `~/.aws/credentials`.
fn entry(text: &str, heading: &str, key: &str) -> Option<String> {
    let mut is_there = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            is_there = name.trim() == heading;
        } else if is_there
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == key
        {
            return Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        }
    }
    None
}

/// Returns the target of a request for the file at an address.
pub(super) fn target<'s>(
    settings: &'s StorageSettings,
    address: &Address,
) -> Result<Target<'s>, Failure> {
    let query = address.query().unwrap_or_default();
    let (base, path, sign) = match address.scheme() {
        Scheme::Http | Scheme::Https => {
            let host = address.host_name().to_owned();
            return Ok(Target { url: address.url(), host, sign: Sign::Not });
        }
        Scheme::S3 => {
            let bucket = address.host();
            let region = settings.region(bucket);
            let (base, path) = match &settings.endpoint {
                Some(endpoint) => (endpoint.clone(), format!("/{bucket}{}", address.path())),
                // The server's certificate covers only one label before the server's name.
                None if bucket.contains('.') => (
                    format!("https://s3.{region}.amazonaws.com"),
                    format!("/{bucket}{}", address.path()),
                ),
                None => (
                    format!("https://{bucket}.s3.{region}.amazonaws.com"),
                    address.path().to_owned(),
                ),
            };
            let sign = settings.keys.as_ref().map(|keys| Sign::Amazon {
                keys,
                host: String::new(),
                path: String::new(),
                query: sorted(query),
                region,
            });
            (base, path, sign.unwrap_or(Sign::Not))
        }
        Scheme::Gs => {
            let base =
                settings.google_endpoint.as_deref().unwrap_or("https://storage.googleapis.com");
            let sign = settings.google_token.as_ref().map(bearer).unwrap_or_default();
            (base.to_owned(), format!("/{}{}", address.host(), address.path()), Sign::Headers(sign))
        }
        Scheme::Az => {
            let base = match (&settings.azure_endpoint, &settings.azure_account) {
                (Some(endpoint), _) => endpoint.clone(),
                (None, Some(account)) => format!("https://{account}.blob.core.windows.net"),
                (None, None) => {
                    let what = "an Azure address is az://CONTAINER/FILE; set the environment \
                                variable AZURE_STORAGE_ACCOUNT to the name of its account";
                    return Err(Failure::Settings(what.into()));
                }
            };
            let mut headers = vec![("x-ms-version".to_owned(), "2021-08-06".to_owned())];
            headers.extend(settings.azure_token.as_ref().map(bearer).unwrap_or_default());
            (base, format!("/{}{}", address.host(), address.path()), Sign::Headers(headers))
        }
    };
    let base = base.trim_end_matches('/');
    let wrong = || Failure::Settings("the storage endpoint is not an address; correct it".into());
    let server = Address::parse(base).ok().flatten().ok_or_else(wrong)?;
    let sign = match sign {
        Sign::Amazon { keys, query, region, .. } => {
            let path = format!("{}{path}", server.path());
            Sign::Amazon { keys, host: server.host().to_owned(), path, query, region }
        }
        other => other,
    };
    let signature = settings.azure_signature.as_ref().filter(|_| address.scheme() == Scheme::Az);
    let signature = signature.map(|secret| secret.0.trim_start_matches('?')).unwrap_or_default();
    let queries: Vec<_> = [query, signature].into_iter().filter(|text| !text.is_empty()).collect();
    let mark = if queries.is_empty() { "" } else { "?" };
    let url = format!("{base}{path}{mark}{}", queries.join("&"));
    Ok(Target { url, host: server.host_name().to_owned(), sign })
}

fn bearer(token: &Secret) -> Vec<(String, String)> {
    vec![("Authorization".to_owned(), format!("Bearer {}", token.0))]
}

impl Target<'_> {
    /// Returns the headers that authenticate a request with these other headers.
    pub(super) fn headers(&self, others: &[(String, String)]) -> Vec<(String, String)> {
        match &self.sign {
            Sign::Not => Vec::new(),
            Sign::Headers(headers) => headers.clone(),
            Sign::Amazon { keys, host, path, query, region } => {
                let now =
                    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
                let request = Signed { host, path, query, region, time: &timestamp(now) };
                request.headers(keys, others)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)], files: &[(&str, &str)]) -> StorageSettings {
        let find = |all: &[(&str, &str)], name: &str| {
            all.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned())
        };
        StorageSettings::read(
            |name| find(variables, name),
            |path| find(files, path.to_str().unwrap()),
        )
    }

    #[test]
    fn settings_are_those_of_amazons_own_tools() {
        let files = [
            (
                "/h/.aws/credentials",
                "[default]\naws_access_key_id = A\naws_secret_access_key = SECRET\n\
              [lab]\naws_access_key_id=B\naws_secret_access_key=SECRET2\naws_session_token=T\n",
            ),
            (
                "/h/.aws/config",
                "[default]\nregion = eu-west-1\n[profile lab]\nregion=eu-north-1\nendpoint_url = https://s3.lab\n",
            ),
        ];
        let home = ("HOME", "/h");
        let usual = settings(&[home], &files);
        assert_eq!(usual.keys.as_ref().unwrap().id, "A");
        assert_eq!(usual.region.as_deref(), Some("eu-west-1"));
        assert!(!format!("{usual:?}").contains("SECRET"));
        let lab = settings(&[home, ("AWS_PROFILE", "lab"), ("AWS_REGION", "x")], &files);
        assert_eq!(lab.keys.as_ref().unwrap().token, Some(Secret("T".into())));
        assert_eq!(lab.region.as_deref(), Some("x"));
        assert_eq!(lab.endpoint.as_deref(), Some("https://s3.lab"));
        let variables = [home, ("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "S")];
        assert_eq!(settings(&variables, &files).keys.unwrap().id, "E");
        assert_eq!(settings(&[home, ("AWS_NO_SIGN_REQUEST", "YES")], &files).keys, None);
    }

    #[test]
    fn objects_lie_where_their_storage_has_them() {
        let url = |variables: &[(&str, &str)], address: &str| {
            let address = Address::parse(address).unwrap().unwrap();
            target(&settings(variables, &[]), &address).map(|target| target.url)
        };
        let s3 = |variables: &[(&str, &str)]| url(variables, "s3://bucket/a b/x.bw").unwrap();
        assert_eq!(s3(&[]), "https://bucket.s3.us-east-1.amazonaws.com/a%20b/x.bw");
        assert_eq!(
            s3(&[("AWS_ENDPOINT_URL", "http://minio:9000/")]),
            "http://minio:9000/bucket/a%20b/x.bw"
        );
        let dotted = url(&[("AWS_REGION", "eu-west-1")], "s3://a.b/x?versionId=1").unwrap();
        assert_eq!(dotted, "https://s3.eu-west-1.amazonaws.com/a.b/x?versionId=1");
        assert_eq!(
            url(&[], "gs://bucket/x.bw").unwrap(),
            "https://storage.googleapis.com/bucket/x.bw"
        );
        let azure = [("AZURE_STORAGE_ACCOUNT", "lab"), ("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=S")];
        assert_eq!(
            url(&azure, "az://c/x.bw").unwrap(),
            "https://lab.blob.core.windows.net/c/x.bw?sv=1&sig=S"
        );
        assert!(matches!(url(&[], "az://c/x.bw"), Err(Failure::Settings(_))));
    }

    #[test]
    fn a_bucket_is_asked_for_in_the_region_where_it_lies() {
        let settings = settings(&[], &[]);
        assert!(!settings.learn_region("b", "us-east-1"));
        assert!(settings.learn_region("b", "eu-west-3"));
        assert!(!settings.learn_region("b", "eu-west-3") && !settings.learn_region("b", "a/b"));
        assert_eq!(settings.region("b"), "eu-west-3");
        assert_eq!(settings.region("other"), "us-east-1");
    }
}
