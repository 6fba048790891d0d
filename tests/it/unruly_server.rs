//! A real HTTP/1.1 server on this machine that misbehaves on demand.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

/// One request as the server saw it.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub at: Instant,
    /// Position among all requests, counted from 0.
    pub nth: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the server does with a request.
pub enum Reply {
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Announces the body, sends half of it and then nothing more.
    Stall(Vec<u8>),
    /// Closes the connection without a word.
    Close,
}

impl Reply {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(200, vec![], body.into())
    }

    pub fn status(status: u16) -> Self {
        Self::Answer(status, vec![], b"see the status".to_vec())
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

struct Inner {
    handler: Box<Handler>,
    requests: Mutex<Vec<Request>>,
    in_flight: AtomicUsize,
    in_flight_max: AtomicUsize,
    stopping: AtomicBool,
}

/// The server; it stops when dropped.
pub struct TileServer {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

impl TileServer {
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            handler: Box::new(handler),
            requests: Mutex::new(Vec::new()),
            in_flight: AtomicUsize::new(0),
            in_flight_max: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
        });
        let shared = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A client that goes away ends its connection's thread; that is no failure here.
                thread::spawn(move || stream.map(|stream| shared.serve(stream)));
            }
        });
        Self { address, inner }
    }

    /// A template below this server's root.
    pub fn template(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.inner.requests.lock().unwrap().clone()
    }

    pub fn in_flight_max(&self) -> usize {
        self.inner.in_flight_max.load(Ordering::SeqCst)
    }
}

impl Drop for TileServer {
    fn drop(&mut self) {
        self.inner.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
    }
}

impl Inner {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        while let Some(request) = self.read(&mut reader)? {
            let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.in_flight_max.fetch_max(now, Ordering::SeqCst);
            let reply = (self.handler)(&request);
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            match reply {
                Reply::Close => return Ok(()),
                Reply::Stall(body) => {
                    write!(
                        stream,
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    )?;
                    stream.write_all(&body[..body.len() / 2])?;
                    // Until the client gives up and closes the connection.
                    reader.read_to_end(&mut Vec::new())?;
                    return Ok(());
                }
                Reply::Answer(status, headers, body) => {
                    let mut head = format!("HTTP/1.1 {status} -\r\n");
                    for (name, value) in headers {
                        head.push_str(&format!("{name}: {value}\r\n"));
                    }
                    if status != 204 {
                        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
                    }
                    head.push_str("\r\n");
                    let mut message = head.into_bytes();
                    if status != 204 {
                        message.extend(body);
                    }
                    // In one piece, so that no part of it waits for an acknowledgement.
                    stream.write_all(&message)?;
                }
            }
        }
        Ok(())
    }

    fn read(&self, reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut requests = self.requests.lock().unwrap();
        let request = Request {
            path,
            headers,
            at: Instant::now(),
            nth: requests.len(),
        };
        requests.push(request.clone());
        Ok(Some(request))
    }
}
