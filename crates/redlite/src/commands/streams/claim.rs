//! XCLAIM and XAUTOCLAIM: giving entries that consumers got to another consumer.

use super::{entry_reply, id_at, id_reply, interval_start, plain_id, require_group};
use crate::commands::{Context, Outcome};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::store::{Group, Pending, StreamEntry};
use crate::stream_id::StreamId;
use resp::Reply;

/// The argument at `at` as an integer; `text` where it is none.
fn integer_or(context: &Context<'_>, at: usize, text: &'static str) -> Result<i64, Failure> {
    number::parse_integer(context.arg(at)).map_or_else(|| refuse(text), Ok)
}

/// What a request of XCLAIM asks for.
#[derive(Debug)]
struct Claim {
    idle_min_ms: i64,
    ids: Vec<StreamId>,
    /// What is noted as the time of the delivery, in milliseconds since 1970.
    delivered_ms: i64,
    /// What is noted as the number of deliveries; where it is negative, one more than before.
    deliveries: i64,
    /// Claim also what no consumer got.
    force: bool,
    /// Answer with ids, and count no delivery.
    just_id: bool,
    last_id: StreamId,
}

impl Claim {
    fn parse(context: &Context<'_>) -> Result<Self, Failure> {
        let idle_min_ms = integer_or(context, 4, "ERR Invalid min-idle-time argument for XCLAIM")?.max(0);
        let ids: Vec<StreamId> = context.args_from(5).map_while(|arg| plain_id(arg, 0)).collect();
        let mut at = 5 + ids.len();
        let now_ms = context.now_ms;
        let mut claim = Self {
            idle_min_ms,
            ids,
            delivered_ms: now_ms,
            deliveries: -1,
            force: false,
            just_id: false,
            last_id: StreamId::MIN,
        };
        while at < context.argv.len() {
            let has_value = at + 1 < context.argv.len();
            if context.is_word(at, "FORCE") {
                claim.force = true;
            } else if context.is_word(at, "JUSTID") {
                claim.just_id = true;
            } else if has_value && claim.parse_value(context, at)? {
                at += 1;
            } else {
                let option = super::printed(context.arg(at));
                return refuse([b"ERR Unrecognized XCLAIM option '", option, b"'"].concat());
            }
            at += 1;
        }
        // Redis takes a time that cannot be for the client's mistake.
        if !(0..=now_ms).contains(&claim.delivered_ms) {
            claim.delivered_ms = now_ms;
        }
        Ok(claim)
    }

    /// Reads an option with a value; false where it is none.
    fn parse_value(&mut self, context: &Context<'_>, at: usize) -> Result<bool, Failure> {
        if context.is_word(at, "IDLE") {
            let idle_ms = integer_or(context, at + 1, "ERR Invalid IDLE option argument for XCLAIM")?;
            self.delivered_ms = context.now_ms.wrapping_sub(idle_ms);
        } else if context.is_word(at, "TIME") {
            self.delivered_ms = integer_or(context, at + 1, "ERR Invalid TIME option argument for XCLAIM")?;
        } else if context.is_word(at, "RETRYCOUNT") {
            self.deliveries = integer_or(context, at + 1, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
        } else if context.is_word(at, "LASTID") {
            self.last_id = id_at(context, at + 1)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

pub(super) fn xclaim(context: &mut Context<'_>) -> Outcome {
    let (stream, mut group) = require_group(context)?;
    let claim = Claim::parse(context)?;
    if claim.last_id > group.last_id {
        group.last_id = claim.last_id;
        context.store.put_group(&group)?;
    }
    let mut claimed = Vec::new();
    for &id in &claim.ids {
        let pending = context.store.pending_entry(&group, id)?;
        let Some(entry) = context.store.entry(&stream, id)? else {
            context.store.remove_pending(&group, id)?;
            continue;
        };
        let mut pending = match pending {
            Some(pending) if idle_ms(context, &pending) < claim.idle_min_ms => continue,
            Some(pending) => pending,
            // Redis delivers it once where it makes it, and again where it claims it.
            None if claim.force => Pending { id, consumer: Vec::new(), delivered_ms: 0, deliveries: 1 },
            None => continue,
        };
        match claim.deliveries {
            0.. => pending.deliveries = claim.deliveries,
            _ if !claim.just_id => pending.deliveries = pending.deliveries.wrapping_add(1),
            _ => {}
        }
        pending.delivered_ms = claim.delivered_ms;
        take(context, &group, pending)?;
        claimed.push(claimed_reply(entry, claim.just_id));
    }
    Ok(Reply::Array(claimed))
}

fn idle_ms(context: &Context<'_>, pending: &Pending) -> i64 {
    context.now_ms.saturating_sub(pending.delivered_ms)
}

/// Gives a pending entry to the consumer of the request, who is seen by that.
fn take(context: &mut Context<'_>, group: &Group, pending: Pending) -> Result<(), Failure> {
    let consumer = context.arg(3);
    context.store.see_consumer(group, consumer, context.now_ms)?;
    context.store.put_pending(group, &Pending { consumer: consumer.to_vec(), ..pending })
}

fn claimed_reply(entry: StreamEntry, just_id: bool) -> Reply {
    if just_id { id_reply(entry.id) } else { entry_reply(entry) }
}

/// How many pending entries XAUTOCLAIM looks at for each that it may claim.
const LOOKS_PER_CLAIM: i64 = 10;

/// The size of an id in Redis' memory, in bytes.
const ID_BYTES: i64 = 16;

/// Redis takes memory for COUNT ids first. How much there is depends on the machine; more than a process can address
/// there never is.
const ADDRESSABLE_BYTES: i64 = 1 << 47;

const COUNT_REFUSED: &str = "ERR COUNT must be > 0";

/// The options of XAUTOCLAIM: how many entries to claim at most, and whether to answer with ids.
fn parse_auto_options(context: &Context<'_>) -> Result<(i64, bool), Failure> {
    let (mut count, mut just_id) = (100, false);
    let mut at = 6;
    while at < context.argv.len() {
        if context.is_word(at, "COUNT") && at + 1 < context.argv.len() {
            count = integer_or(context, at + 1, COUNT_REFUSED)?;
            if !(1..=i64::MAX / ID_BYTES).contains(&count) {
                return refuse(COUNT_REFUSED);
            }
            at += 1;
        } else if context.is_word(at, "JUSTID") {
            just_id = true;
        } else {
            return refuse(texts::SYNTAX);
        }
        at += 1;
    }
    Ok((count, just_id))
}

pub(super) fn xautoclaim(context: &mut Context<'_>) -> Outcome {
    let idle_min_ms = integer_or(context, 4, "ERR Invalid min-idle-time argument for XAUTOCLAIM")?.max(0);
    let start = interval_start(context, 5)?;
    let (mut count, just_id) = parse_auto_options(context)?;
    let (stream, group) = require_group(context)?;
    if count > ADDRESSABLE_BYTES / ID_BYTES {
        return refuse("ERR Insufficient memory, failed allocating transient memory, COUNT too high.");
    }
    let looks = count * LOOKS_PER_CLAIM;
    // One more, which is where the next call goes on.
    let found = context.store.pending_entries(&group, (start, StreamId::MAX), i64::MAX, looks + 1)?;
    let (mut claimed, mut deleted, mut next) = (Vec::new(), Vec::new(), StreamId::MIN);
    for (at, mut pending) in (0..).zip(found) {
        if at == looks || count == 0 {
            next = pending.id;
            break;
        }
        let Some(entry) = context.store.entry(&stream, pending.id)? else {
            context.store.remove_pending(&group, pending.id)?;
            deleted.push(id_reply(pending.id));
            count -= 1;
            continue;
        };
        if idle_ms(context, &pending) < idle_min_ms {
            continue;
        }
        pending.delivered_ms = context.now_ms;
        if !just_id {
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
        take(context, &group, pending)?;
        claimed.push(claimed_reply(entry, just_id));
        count -= 1;
    }
    Ok(Reply::Array(vec![id_reply(next), Reply::Array(claimed), Reply::Array(deleted)]))
}
