//! Clients that ask for too much or take too long.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::{Answer, Serving, answer_of, ask, rows, tiles};

#[test]
fn an_image_that_claims_to_be_huge_is_refused_by_its_header() {
    let chunk = |name: &[u8], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(data);
        let length = (data.len() as u32).to_be_bytes();
        [&length, name, data, &crc.sum().to_be_bytes()].concat()
    };
    let side = 60_000_u32.to_be_bytes();
    let header = [&side[..], &side[..], &[8, 2, 0, 0, 0]].concat();
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    let bomb = [signature, chunk(b"IHDR", &header), chunk(b"IDAT", b"")].concat();
    Serving::start()
        .predict(&rows(&[bomb]))
        .is_error(400, "image of 60000×60000 pixels (expected 256×256)");
}

#[test]
fn a_body_that_does_not_come_is_given_up_and_the_server_goes_on() {
    let serving =
        Serving::start_with(|settings| settings.request_timeout = Duration::from_millis(250));
    let mut socket = TcpStream::connect(serving.address()).unwrap();
    socket
        .write_all(b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n{")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(serving.get("/v1/models/half").status, 200);
}

#[test]
fn a_client_that_sends_no_request_is_not_waited_for() {
    let serving = Serving::start_with(|settings| {
        settings.patience.headers = Duration::from_millis(100);
    });
    for begun in ["", "GET /v1/models/half HTTP/1.1\r\nHost: x\r\n"] {
        let mut socket = TcpStream::connect(serving.address()).unwrap();
        socket.write_all(begun.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // The server ends the connection.
        socket.read_to_end(&mut answer).unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(serving.get("/v1/models/half").status, 200);
}

#[test]
fn a_client_that_takes_no_answers_is_given_up() {
    let serving = Serving::start_with(|settings| {
        settings.patience.writes = Duration::from_millis(100);
    });
    let mut socket = TcpStream::connect(serving.address()).unwrap();
    let request = b"GET /monitoring/prometheus/metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(64);
    // Answers fill the buffers of both sides until the server writes in vain; then it hangs up,
    // and writing to it fails.
    while socket.write_all(&request).is_ok() {}
    assert_eq!(serving.get("/v1/models/half").status, 200);
}

#[test]
fn a_request_that_takes_too_long_is_answered_504_with_advice() {
    let serving = Serving::start_with(|settings| {
        settings.request_timeout = Duration::from_millis(500);
        // One image waits for others that never come.
        settings.batching.linger = Duration::from_secs(20);
        settings.engine.batch_size = Some(64);
    });
    serving
        .predict(&rows(&tiles()[..1]))
        .is_error(504, "send fewer images at once, or allow more time");
}

#[test]
fn a_full_queue_answers_503_with_retry_after() {
    let serving = Serving::start_with(|settings| {
        settings.batching.queue_images_max = 1;
        settings.engine.workers = Some(1);
        settings.engine.batch_size = Some(1);
    });
    let address = serving.address();
    let many: Vec<Vec<u8>> = tiles().iter().cycle().take(400).cloned().collect();
    let bulk = rows(&many).to_string();
    let one = rows(&many[..1]);
    let client = std::thread::spawn(move || {
        ask(
            address,
            "POST",
            "/v1/models/half:predict",
            &[],
            bulk.as_bytes(),
        )
        .status
    });
    let one = one.to_string();
    let empty = "hvmap_queued_images{model_name=\"half\"} 0";
    while String::from_utf8(serving.get("/monitoring/prometheus/metrics").body)
        .unwrap()
        .contains(empty)
    {
        std::thread::yield_now();
    }
    let answer = serving.post("/v1/models/half:predict", &one);
    answer.is_error(503, "the queue of model half is full");
    assert!(answer.head.contains("retry-after: 1"));
    assert_eq!(client.join().unwrap(), 200);
}

/// A request's head, of a body that is to come.
fn head(address: SocketAddr, more: &str) -> String {
    format!(
        "POST /v1/models/half:predict HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n\r\n"
    )
}

fn begin(serving: &Serving, more: &str) -> TcpStream {
    let mut socket = TcpStream::connect(serving.address()).unwrap();
    let head = head(serving.address(), more);
    socket.write_all(head.as_bytes()).unwrap();
    socket
}

#[test]
fn a_body_beyond_64_mib_is_refused_by_its_length_or_when_it_has_come() {
    const BYTES_MAX: usize = 64 << 20;
    let serving = Serving::start();
    let mut told = begin(&serving, &format!("Content-Length: {}", BYTES_MAX + 1));
    // Nothing of it was sent.
    answer_of(&mut told).is_error(413, "cannot read the body, at most 64 MiB");

    let mut untold = begin(&serving, "Transfer-Encoding: chunked");
    write!(untold, "{:x}\r\n", BYTES_MAX + 1).unwrap();
    untold.write_all(&vec![b' '; BYTES_MAX + 1]).unwrap();
    answer_of(&mut untold).is_error(413, "cannot read the body, at most 64 MiB");
    assert_eq!(serving.get("/v1/models/half").status, 200);
}

#[test]
fn json_that_nests_without_end_or_holds_countless_values_is_refused() {
    let serving = Serving::start();
    let deep = format!("{{\"inputs\":{}", "[".repeat(200));
    let many = format!("{{\"inputs\":[{}0]}}", "0,".repeat(1 << 18));
    for (path, body, text) in [
        ("/v1/models/half:predict", &deep, "JSON Parse error"),
        ("/v1/models/half:classify", &deep, "JSON Parse error"),
        ("/v2/models/half/infer", &deep, "failed to parse"),
        ("/v1/models/half:predict", &many, "more than 262144 values"),
        ("/v1/models/half:classify", &many, "more than 262144 values"),
    ] {
        serving.post(path, body).is_error(400, text);
    }
}

#[test]
fn of_requests_with_images_only_64_are_in_work_at_once() {
    let serving = Serving::start();
    let continued = |socket: &mut TcpStream| {
        let mut line = [0; 12];
        socket.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"HTTP/1.1 100");
    };
    // A server asks for the body of a request that it has taken.
    let mut taken: Vec<TcpStream> = (0..64)
        .map(|_| begin(&serving, "Expect: 100-continue\r\nContent-Length: 2"))
        .collect();
    taken.iter_mut().for_each(continued);
    let refused: Answer = serving.post("/v1/models/half:predict", "{}");
    refused.is_error(503, "64 requests are in work already");
    assert!(refused.head.contains("retry-after: 1"));
    // What holds no images is answered as ever.
    assert_eq!(serving.get("/v1/models/half").status, 200);
    drop(taken);
    // The places are free when the server has noticed.
    while serving.post("/v1/models/half:predict", "{}").status == 503 {
        std::thread::yield_now();
    }
}

#[test]
fn connections_beyond_the_most_wait_until_one_ends() {
    // One of them is kept for gRPC.
    let serving = Serving::start_with(|settings| settings.connections_max = 3);
    let request = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n";
    let answered = |socket: &mut TcpStream| {
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    };
    let mut sockets = [0; 3].map(|_| TcpStream::connect(serving.address()).unwrap());
    for socket in &mut sockets {
        socket.write_all(request).unwrap();
    }
    let [first, second, third] = &mut sockets;
    answered(first);
    answered(second);
    // However often the others are answered, it is not.
    third.set_nonblocking(true).unwrap();
    for _ in 0..20 {
        first.write_all(request).unwrap();
        answered(first);
        let waits = third.read(&mut [0]).unwrap_err();
        assert_eq!(waits.kind(), ErrorKind::WouldBlock);
    }
    third.set_nonblocking(false).unwrap();
    first.shutdown(std::net::Shutdown::Both).unwrap();
    answered(third);
}

/// One frame of HTTP/2 (RFC 9113, 4.1): its type, its flags and its content; none at the end.
fn frame(socket: &mut TcpStream) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    socket.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut content = vec![0; length];
    socket.read_exact(&mut content).ok()?;
    Some((head[3], head[4], content))
}

#[test]
fn over_http_2_a_peer_is_kept_that_gives_signs_of_life_and_given_up_without() {
    const PING: u8 = 6;
    const ACKNOWLEDGED: u8 = 1;
    let serving = Serving::start_with(|settings| {
        settings.patience.pings = Duration::from_millis(100);
    });
    let mut socket = TcpStream::connect(serving.server.grpc_address()).unwrap();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    socket
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    socket.write_all(&settings).unwrap();
    let mut pings = 0;
    while let Some((kind, flags, content)) = frame(&mut socket) {
        if (kind, flags & ACKNOWLEDGED) != (PING, 0) {
            continue;
        }
        pings += 1;
        if pings <= 3 {
            let answer = [&[0, 0, 8, PING, ACKNOWLEDGED, 0, 0, 0, 0][..], &content].concat();
            socket.write_all(&answer).unwrap();
        }
    }
    // The fourth was waited for, and no fifth was sent.
    assert_eq!(pings, 4);
}
