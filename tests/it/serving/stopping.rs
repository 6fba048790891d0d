//! What a server that stops still answers.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use super::{Serving, ask, rows, tiles};

#[test]
fn a_stopping_server_answers_what_it_took_and_then_nothing() {
    let serving = Serving::start();
    let address = serving.address();
    let many: Vec<Vec<u8>> = tiles().iter().cycle().take(60).cloned().collect();
    let body = rows(&many).to_string();
    let client = std::thread::spawn(move || {
        ask(
            address,
            "POST",
            "/v1/models/half:predict",
            &[],
            body.as_bytes(),
        )
        .status
    });
    let seen = |text: &str| text.contains("hvmap_batch_images_count{model_name=\"half\"} 0");
    loop {
        let metrics = serving.get("/monitoring/prometheus/metrics");
        if !seen(&String::from_utf8(metrics.body).unwrap()) {
            break;
        }
        std::thread::yield_now();
    }
    assert!(serving.server.stop());
    assert_eq!(client.join().unwrap(), 200);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_stopping_server_does_not_wait_for_connections_without_a_request() {
    let serving = Serving::start();
    let silent = [serving.address(), serving.server.grpc_address()]
        .map(|address| TcpStream::connect(address).unwrap());
    let mut idle = TcpStream::connect(serving.address()).unwrap();
    idle.write_all(b"GET /v2/health/ready HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert!(serving.server.stop());
    drop(silent);
}
