//! Redlite behind a socket answers what Redis answers, on several connections and with its clock in dst's hand.

use std::process::Command;

#[test]
fn redlite_agrees_with_redis_over_the_wire() {
    let dst = env!("CARGO_BIN_EXE_dst");
    for group in ["mixed", "expiry", "transactions", "pubsub", "blocking"] {
        let subject = format!("frozen:{dst} serve --unix {{socket}}");
        let mut oracle = Command::new(dst);
        oracle.args(["oracle", "--seeds", "40", "--group", group, "--jobs", "1", "--subject", &subject]);
        // What it finds is not for the corpus of whoever runs the tests.
        let corpus = tempfile::tempdir().expect("a folder");
        let output = oracle.arg("--corpus").arg(corpus.path()).output().expect("dst runs");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert_eq!(output.status.code(), Some(0), "{group}: {said}");
    }
}
