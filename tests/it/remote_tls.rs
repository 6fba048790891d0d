//! gRPC over TLS: the program trusts the certificates that its environment names.

use std::process::Command;

use tonic::transport::Identity;

use crate::{
    model_peer::{Behaviour, Peer},
    program::Folder,
};

#[test]
fn over_tls_a_server_is_asked_if_its_certificate_is_trusted() {
    let folder = Folder::new();
    let certificate = |name: &str| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let path = folder.path(name);
        std::fs::write(&path, made.cert.pem()).unwrap();
        (path, made)
    };
    let (known, of_server) = certificate("known.pem");
    let (other, _) = certificate("other.pem");
    let key = of_server.signing_key.serialize_pem();
    let identity = Identity::from_pem(of_server.cert.pem(), key);
    let peer = Peer::start_with_tls(Behaviour::default(), identity);
    for url in peer.tls_urls() {
        let inspect = |trusted| {
            let output = Command::new(env!("CARGO_BIN_EXE_hvmap"))
                .args(["model", "inspect", &url, "--positive", "1,2"])
                .args(["--model-activation", "none", "--model-combine", "sum"])
                .env("SSL_CERT_FILE", trusted)
                .env_remove("SSL_CERT_DIR")
                .output()
                .unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            (output.status.code(), said)
        };
        let (code, said) = inspect(&known);
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = inspect(&other);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("certificate"), "{said}");
    }
}
