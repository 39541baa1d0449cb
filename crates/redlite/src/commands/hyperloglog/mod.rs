//! HyperLogLog: how many distinct elements there were, within about 1 %, in at most 12 KB.
//!
//! A sketch is a string, byte for byte the one that Redis keeps: other commands on strings see it, and may break it.

mod estimate;
mod hash;
mod sketch;
mod sparse;

use super::{Context, Outcome, Row};
use crate::failure::{Failure, refuse};
use crate::store::{Key, Store};
use resp::Reply;

use sketch::{Corrupted, Registers, Sketch};

pub(super) const COMMANDS: &[Row] = &[("PFADD", pfadd), ("PFCOUNT", pfcount), ("PFMERGE", pfmerge)];

impl From<Corrupted> for Failure {
    fn from(Corrupted: Corrupted) -> Self {
        Failure::Refused(b"INVALIDOBJ Corrupted HLL object detected".to_vec())
    }
}

/// The sketch of this name.
fn find(context: &mut Context<'_>, name: &[u8]) -> Result<Option<(Key, Sketch)>, Failure> {
    match context.store.find_string(context.db(), name, Sketch::read)? {
        None => Ok(None),
        Some((key, Some(sketch))) => Ok(Some((key, sketch))),
        Some((_, None)) => refuse("WRONGTYPE Key is not a valid HyperLogLog string value."),
    }
}

fn pfadd(context: &mut Context<'_>) -> Outcome {
    let (db, name) = (context.db(), context.arg(1));
    let (key, sketch) = find(context, name)?.unzip();
    let mut sketch = sketch.unwrap_or_else(Sketch::new);
    let mut is_changed = key.is_none();
    let added = context.args_from(2).try_for_each(|element| {
        is_changed |= sketch.add(element)?;
        Ok::<(), Corrupted>(())
    });
    if is_changed {
        sketch.forget_count();
        // What was added before the broken part was found stays, but is no change for those who watch.
        let update = if added.is_ok() { Store::update_string } else { Store::update_string_untold };
        update(context.store, db, name, key.as_ref(), sketch.as_bytes())?;
    } else if let Some(key) = &key {
        context.store.mark_changed(key)?;
    }
    added?;
    Ok(Reply::Int(is_changed.into()))
}

fn pfcount(context: &mut Context<'_>) -> Outcome {
    if context.argv.len() > 2 {
        let mut union = Registers::new();
        for name in context.args_from(1) {
            if let Some((_, sketch)) = find(context, name)? {
                sketch.merge_into(&mut union)?;
            }
        }
        return Ok(Reply::Int(union.count() as i64));
    }
    let (db, name) = (context.db(), context.arg(1));
    let Some((key, mut sketch)) = find(context, name)? else { return Ok(Reply::Int(0)) };
    if let Some(count) = sketch.remembered_count() {
        context.store.mark_changed(&key)?;
        return Ok(Reply::Int(count as i64));
    }
    let count = sketch.count()?;
    sketch.remember_count(count);
    context.store.update_string(db, name, Some(&key), sketch.as_bytes())?;
    Ok(Reply::Int(count as i64))
}

fn pfmerge(context: &mut Context<'_>) -> Outcome {
    let (db, name) = (context.db(), context.arg(1));
    let (key, destination) = find(context, name)?.unzip();
    let mut union = Registers::new();
    let mut destination = match destination {
        None => Sketch::new(),
        Some(sketch) => {
            sketch.merge_into(&mut union)?;
            sketch
        }
    };
    let mut is_dense = destination.is_dense();
    for source in context.args_from(2) {
        if let Some((_, sketch)) = find(context, source)? {
            is_dense |= sketch.is_dense();
            sketch.merge_into(&mut union)?;
        }
    }
    if is_dense {
        destination.make_dense()?;
    }
    destination.raise(&union)?;
    destination.forget_count();
    context.store.update_string(db, name, key.as_ref(), destination.as_bytes())?;
    Ok(Reply::ok())
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check;

    #[test]
    fn a_sketch_is_the_string_that_redis_keeps() {
        check(
            r#"
            > PFADD k
            1
            > GET k
            "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
            > PFADD k a b a
            1
            > PFADD k a
            0
            > PFCOUNT k
            2
            > GET k
            "HYLL\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00q\xa6\x84K\xfb\x80BZ"
            > PFADD other c
            1
            > PFCOUNT k other missing
            3
            > PFMERGE d k other
            OK
            > PFCOUNT d
            3
            > STRLEN d
            27
            "#,
        );
    }

    #[test]
    fn a_sketch_becomes_dense_where_it_would_be_long() {
        let numbers = |from: u32, to: u32| (from..=to).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        let (few, many) = (numbers(1, 800), numbers(801, 2000));
        check(&format!(
            r#"
            > PFADD k {few}
            1
            > STRLEN k
            1570
            > PFCOUNT k
            802
            > PFADD k {many}
            1
            > STRLEN k
            12304
            > PFCOUNT k
            2006
            > PFADD other x y z
            1
            > PFMERGE other k
            OK
            > STRLEN other
            12304
            > PFCOUNT other k
            2009
            "#
        ));
    }

    #[test]
    fn what_is_no_sketch_is_refused() {
        let no_sketch = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
        let corrupted = "-INVALIDOBJ Corrupted HLL object detected";
        check(&format!(
            r#"
            > SET k HYLLO
            OK
            > PFADD k a
            {no_sketch}
            > RPUSH l a
            1
            > PFCOUNT missing l
            -WRONGTYPE Operation against a key holding the wrong kind of value
            > PFADD broken a
            1
            > APPEND broken zero
            25
            > PFCOUNT broken
            {corrupted}
            > PFCOUNT missing broken
            {corrupted}
            > PFMERGE d broken
            {corrupted}
            > EXISTS d
            0
            > PFADD broken b
            1
            > SETRANGE broken 0 G
            28
            > PFADD broken c
            {no_sketch}
            "#
        ));
    }
}
