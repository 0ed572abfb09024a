//! A file server that answers range requests, or answers as a test wants, and records the requests.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The path with its query.
    pub(crate) path: String,
    /// The headers, by their names in lower case.
    pub(crate) headers: HashMap<String, String>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns the requested range of bytes.
    pub(crate) fn range(&self) -> Option<Range<usize>> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some(first.parse().ok()?..last.parse::<usize>().ok()? + 1)
    }
}

/// Returns the bytes to send instead of the file; `None` to send the file.
type Instead = dyn Fn(&Asked) -> Option<Vec<u8>> + Send + Sync;

#[derive(Default)]
struct State {
    files: HashMap<String, (Arc<Vec<u8>>, Option<String>)>,
    instead: Option<Arc<Instead>>,
    asked: Vec<Asked>,
    connections: usize,
}

/// A running server, which ends with the test.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let server = Server { port, state };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let server = own.clone();
                std::thread::spawn(move || server.serve(&stream));
            }
        });
        server
    }

    /// Adds or replaces a file.
    pub(crate) fn put(&self, path: &str, bytes: &[u8], tag: Option<&str>) {
        let file = (Arc::new(bytes.to_vec()), tag.map(|tag| format!("\"{tag}\"")));
        self.state.lock().unwrap().files.insert(path.to_owned(), file);
    }

    /// Sets the answers to requests; where it returns `None`, the file is sent.
    pub(crate) fn answer(
        &self,
        instead: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) {
        self.state.lock().unwrap().instead = Some(Arc::new(instead));
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Returns the requests since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// Returns the number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    fn serve(&self, stream: &TcpStream) {
        self.state.lock().unwrap().connections += 1;
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        while let Some(asked) = request(&mut reader) {
            let (instead, file) = {
                let mut state = self.state.lock().unwrap();
                state.asked.push(asked.clone());
                let path = asked.path.split('?').next().unwrap_or_default();
                (state.instead.clone(), state.files.get(path).cloned())
            };
            let instead = instead.and_then(|instead| instead(&asked));
            let ends = instead.is_some();
            let answer = instead.unwrap_or_else(|| match &file {
                Some((bytes, tag)) => part(bytes, tag.as_deref(), &asked),
                None => status("404 Not Found", ""),
            });
            // The client may have disconnected.
            if writer.write_all(&answer).is_err() || ends {
                break;
            }
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let path = line.split_whitespace().nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            None => return Some(Asked { path, headers }),
        }
    }
}

/// Returns an answer that ends the connection: a status such as `404 Not Found`, and more headers,
/// each with a line break.
pub(crate) fn status(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n").into()
}

/// Returns an answer with the whole file, whatever was requested.
pub(crate) fn whole(bytes: &[u8], headers: &str) -> Vec<u8> {
    let length = bytes.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), bytes].concat()
}

/// Returns the answer of an ordinary server to a request for a range.
fn part(bytes: &[u8], tag: Option<&str>, asked: &Asked) -> Vec<u8> {
    if asked.header("if-match").is_some_and(|wanted| Some(wanted) != tag) {
        return b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n".to_vec();
    }
    let tag = tag.map_or(String::new(), |tag| format!("ETag: {tag}\r\n"));
    let size = bytes.len();
    let Some(range) = asked.range() else { return whole(bytes, &tag) };
    if range.start >= size {
        let head = format!(
            "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{size}\r\nContent-Length: 0\r\n\r\n"
        );
        return head.into();
    }
    let range = range.start..range.end.min(size);
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\n{tag}Content-Range: bytes {}-{}/{size}\r\nContent-Length: {}\r\n\r\n",
        range.start,
        range.end - 1,
        range.len()
    );
    [head.as_bytes(), &bytes[range]].concat()
}
