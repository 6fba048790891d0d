//! Wires scan, imagery, decoding, prediction and ledger.
