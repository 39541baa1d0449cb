//! Raw bytes as the requests that they hold. A fault strikes within one request, and what holds then holds of that one:
//! it is in flight, it fails and has changed nothing, its connection ends in it; those before it are done.
//!
//! Faults are under the store, so nothing is lost with the bytes: they are read as Redlite's server reads them.

use std::collections::BTreeMap;

use crate::faults;
use crate::targets::embedded::is_quit;
use crate::trace::{Act, Op};
use redlite::server::RequestParser;

/// The same ops with a call for each whole request of raw bytes, and a close where bytes are no request, or too many.
///
/// After its first raw bytes, what a connection calls is the next bytes of its stream. Requests behind one that blocks
/// are as calls of a connection that waits: they are not run.
pub fn split(ops: &[Op]) -> Vec<Op> {
    let mut streams: BTreeMap<u16, Stream> = BTreeMap::new();
    let mut all = Vec::with_capacity(ops.len());
    for op in ops {
        let bytes = match &op.act {
            Act::Raw(bytes) => bytes.clone(),
            Act::Call(argv) if streams.contains_key(&op.conn) => {
                let mut bytes = Vec::new();
                argv.encode(&mut bytes);
                bytes
            }
            act => {
                match act {
                    Act::Close => drop(streams.remove(&op.conn)),
                    act if faults::ends_process(act) => streams.clear(),
                    _ => {}
                }
                all.push(op.clone());
                continue;
            }
        };
        if streams.entry(op.conn).or_default().read(&bytes, op.conn, &mut all) {
            streams.remove(&op.conn);
        }
    }
    all
}

/// What one connection has sent.
#[derive(Default)]
struct Stream {
    parser: RequestParser,
    /// What is no whole request yet.
    input: Vec<u8>,
}

impl Stream {
    /// Appends `bytes`, and takes out every request that is whole now. True where the connection ends with them.
    fn read(&mut self, bytes: &[u8], conn: u16, ops: &mut Vec<Op>) -> bool {
        self.input.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            match self.parser.next(&self.input, &mut at, false) {
                Ok(true) => {
                    ops.push(Op::call(conn, self.parser.argv().clone()));
                    if is_quit(self.parser.argv()) {
                        return true;
                    }
                }
                Ok(false) => break,
                Err(_) => {
                    ops.push(Op { conn, act: Act::Close });
                    return true;
                }
            }
        }
        self.input.drain(..at);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;
    use crate::trace::text::format_op;

    #[test]
    fn raw_bytes_are_their_requests() {
        let check = |text: &str, expected: &[&str]| {
            let ops = Trace::parse(text).expect("a trace").ops;
            assert_eq!(split(&ops).iter().map(format_op).collect::<Vec<_>>(), expected, "{text}");
        };
        check("SET k v\n!fault kill 0\n!restart\n", &["SET k v", "!fault kill 0", "!restart"]);
        check("!raw \"SET k v\\r\\nGET k\\r\\n\"\n", &["SET k v", "GET k"]);
        check("!raw \"*2\\r\\n$3\\r\\nGET\\r\\n$2\\r\\na\\r\"\n!raw \"\\r\\n\"\n", &["GET \"a\\r\""]);
        // A request into the middle of another.
        check("!raw \"*2\\r\\n$3\\r\\nGET\\r\\n$4\\r\\n\"\nPING\n!raw \"\\r\\n\"\n", &["GET \"*1\\r\\n\"", "PING"]);
        // Of each connection its own, until it ends.
        check("!raw \"SET k\"\n@1 !raw \"GET k\\r\\n\"\n!raw \" v\\r\\n\"\n", &["@1 GET k", "SET k v"]);
        check("!raw \"SET k\"\n!close\n!raw \"GET k\\r\\n\"\n", &["!close", "GET k"]);
        check("!raw \"SET k\"\n!fault older_file\n!raw \"GET k\\r\\n\"\n", &["!fault older_file", "GET k"]);
        check("!raw \"SET k\"\n!crash\n!raw \"GET k\\r\\n\"\n", &["!crash", "GET k"]);
        check("!raw \"QUIT\\r\\nGET k\\r\\n\"\n!raw \"GET l\\r\\n\"\n", &["QUIT", "GET l"]);
        check("!raw \"*x\\r\\nGET k\\r\\n\"\nGET l\n", &["!close", "GET l"]);
    }
}
