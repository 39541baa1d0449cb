//! Whether a trace that is given, perhaps written by hand, can be run under faults: before any of it runs.

use super::{Fault, FaultError, upkeep};
use crate::trace::{Act, Op};

/// Why it cannot. Ops count from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrittenError {
    /// A fault that is none.
    #[error("op {at}: {source}")]
    Fault {
        /// The op.
        at: usize,
        /// What is wrong with it.
        source: FaultError,
    },
    /// A size of pages for a store that is not new.
    #[error("op {at}: page_size must stand before all ops that are no faults")]
    LatePageSize {
        /// The op.
        at: usize,
    },
    /// A fault in a trace that is to fail everywhere.
    #[error("op {at}: a trace that is to fail at every point holds no faults of its own, such as {name}")]
    OwnFault {
        /// The op.
        at: usize,
        /// The fault.
        name: &'static str,
    },
}

/// Whether every fault of `ops` can be injected, and every op judged; with `fails_everywhere`, whether faults can be put
/// at every point of them.
///
/// # Errors
/// The first op that stands against it.
pub fn check(ops: &[Op], fails_everywhere: bool) -> Result<(), WrittenError> {
    let mut is_new = true;
    for (at, op) in ops.iter().enumerate() {
        let spec = match &op.act {
            Act::Fault(spec) => spec,
            _ => {
                is_new = false;
                continue;
            }
        };
        let (fault, _) = Fault::of(spec).map_err(|source| WrittenError::Fault { at, source })?;
        if fault.name == upkeep::PAGE_SIZE.name && !is_new {
            return Err(WrittenError::LatePageSize { at });
        }
        if fails_everywhere && !fault.is_upkeep() {
            return Err(WrittenError::OwnFault { at, name: fault.name });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;

    #[test]
    fn what_stands_against_a_trace_is_told_with_its_op() {
        let check = |text: &str, fails_everywhere: bool, expected: &str| {
            let trace = Trace::parse(text).expect("a trace");
            let error = check(&trace.ops, fails_everywhere).err().map_or(String::new(), |error| error.to_string());
            assert!(error.starts_with(expected) && error.is_empty() == expected.is_empty(), "{text:?}: {error}");
        };
        check("!fault page_size 0\n!fault kill 3\nSET k v\n!fault vacuum\n!crash\n", false, "");
        check("!fault kill 3\n!fault page_size 0\nSET k v\n", false, "");
        check("SET k v\n!fault fire 1\n", false, "op 1: there is no fault \"fire\"");
        check("!fault kill\n", false, "op 0: the fault kill takes NTH (0 to 100000), not []");
        check("!fault kill 3\n!raw PING\\r\\n\n", false, "");
        check("SET k v\n!fault page_size 0\n", false, "op 1: page_size must stand before");
        check("SET k v\n!fault kill 0\n", true, "op 1: a trace that is to fail at every point holds no faults");
        check("!fault page_size 0\nSET k v\n!fault vacuum\n", true, "");
    }
}
