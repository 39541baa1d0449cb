//! GEOSEARCH and its like: reading and storing the members around a position.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::geohash::Position;
use super::shape::{Extent, Shape};
use super::{distance_reply, double_or, find, position, position_of, position_reply, unit_m};
use crate::commands::{Context, Outcome, sorted_sets};
use crate::failure::{Failure, refuse, texts};
use crate::qsort;
use crate::store::{Key, Scored, Store};
use resp::Reply;

/// From where a search measures.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Place(Position),
    /// A member's position; of a key that is missing, none.
    Member(Option<Position>),
}

impl Origin {
    fn of_member(context: &Context<'_>, key: Option<&Key>, member: &[u8]) -> Result<Self, Failure> {
        match position_of(context, key, member)? {
            None if key.is_some() => refuse("ERR could not decode requested zset member"),
            position => Ok(Origin::Member(position)),
        }
    }

    fn position(self) -> Option<Position> {
        match self {
            Origin::Place(position) => Some(position),
            Origin::Member(position) => position,
        }
    }
}

/// What a command's name says of its options.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// GEORADIUS and GEORADIUSBYMEMBER without an option that stores.
    ReadRadius,
    /// With it.
    Radius,
    /// GEOSEARCH: where to look is said by options.
    Read,
    /// GEOSEARCHSTORE: that too, and the first argument takes the result.
    Store,
}

impl Form {
    fn is_radius(self) -> bool {
        matches!(self, Form::ReadRadius | Form::Radius)
    }
}

/// What a request asks for.
#[derive(Debug)]
struct Query<'a> {
    form: Form,
    /// Where the members are.
    key: Option<Key>,
    origin: Option<Origin>,
    /// Its lengths in units, and a unit in metres.
    extent: Option<(Extent, f64)>,
    with_distance: bool,
    with_hash: bool,
    with_position: bool,
    /// How many members to give at most.
    count: Option<usize>,
    /// True where the first that are found are as good as the nearest.
    any: bool,
    /// The order of distances.
    order: Option<Order>,
    /// The key that takes the result.
    destination: Option<&'a [u8]>,
    /// True where its scores are distances.
    stores_distance: bool,
}

/// In which order of their distances members are given.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Ascending,
    Descending,
}

/// A member that a search found.
#[derive(Debug)]
struct Found {
    member: Vec<u8>,
    score: f64,
    position: Position,
    distance_m: f64,
}

impl<'a> Query<'a> {
    fn new(form: Form, key: Option<Key>) -> Self {
        Self {
            form,
            key,
            origin: None,
            extent: None,
            with_distance: false,
            with_hash: false,
            with_position: false,
            count: None,
            any: false,
            order: None,
            destination: None,
            stores_distance: false,
        }
    }

    /// Reads the options from `at` on. The first mistake counts, in the order of the request.
    fn parse_options(&mut self, context: &Context<'a>, mut at: usize) -> Result<(), Failure> {
        while at < context.argv.len() {
            let values = context.argv.len() - at - 1;
            if context.is_word(at, "WITHDIST") {
                self.with_distance = true;
            } else if context.is_word(at, "WITHHASH") {
                self.with_hash = true;
            } else if context.is_word(at, "WITHCOORD") {
                self.with_position = true;
            } else if context.is_word(at, "ANY") {
                self.any = true;
            } else if context.is_word(at, "ASC") {
                self.order = Some(Order::Ascending);
            } else if context.is_word(at, "DESC") {
                self.order = Some(Order::Descending);
            } else if context.is_word(at, "COUNT") && values >= 1 {
                at += 1;
                self.count = match context.integer(at)? {
                    count @ 1.. => Some(usize::try_from(count).unwrap_or(usize::MAX)),
                    _ => return refuse("ERR COUNT must be > 0"),
                };
            } else if self.form == Form::Store && context.is_word(at, "STOREDIST") {
                self.stores_distance = true;
            } else {
                let taken = if self.form.is_radius() {
                    self.parse_destination(context, at, values)
                } else {
                    self.parse_shape(context, at, values)?
                };
                match taken {
                    Some(taken) => at += taken,
                    None => return refuse(texts::SYNTAX),
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// Reads STORE or STOREDIST at `at`, behind which there are so many values: how many it takes, if it is there.
    fn parse_destination(&mut self, context: &Context<'a>, at: usize, values: usize) -> Option<usize> {
        let stores_distance = context.is_word(at, "STOREDIST");
        let is_there = (stores_distance || context.is_word(at, "STORE")) && values >= 1 && self.form == Form::Radius;
        is_there.then(|| {
            self.destination = Some(context.arg(at + 1));
            self.stores_distance = stores_distance;
            1
        })
    }

    /// Reads FROMMEMBER, FROMLONLAT, BYRADIUS or BYBOX at `at`, as [`Query::parse_destination`].
    fn parse_shape(&mut self, context: &Context<'a>, at: usize, values: usize) -> Result<Option<usize>, Failure> {
        let from_place = matches!(self.origin, Some(Origin::Place(_)));
        let from_member = matches!(self.origin, Some(Origin::Member(_)));
        let by_circle = matches!(self.extent, Some((Extent::Circle { .. }, _)));
        let by_box = matches!(self.extent, Some((Extent::Box { .. }, _)));
        if context.is_word(at, "FROMMEMBER") && values >= 1 && !from_place {
            self.origin = Some(Origin::of_member(context, self.key.as_ref(), context.arg(at + 1))?);
            return Ok(Some(1));
        }
        if context.is_word(at, "FROMLONLAT") && values >= 2 && !from_member {
            self.origin = Some(Origin::Place(position(context, at + 1)?));
            return Ok(Some(2));
        }
        if context.is_word(at, "BYRADIUS") && values >= 2 && !by_box {
            self.extent = Some(circle(context, at + 1)?);
            return Ok(Some(2));
        }
        if context.is_word(at, "BYBOX") && values >= 3 && !by_circle {
            self.extent = Some(rectangle(context, at + 1)?);
            return Ok(Some(3));
        }
        Ok(None)
    }

    /// Refuses options that do not go together, and GEOSEARCH without a shape.
    fn check(&self, context: &Context<'_>) -> Result<(), Failure> {
        if self.destination.is_some() && (self.with_distance || self.with_hash || self.with_position) {
            let name = if self.form == Form::Store { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return refuse(format!("ERR {name} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"));
        }
        let name = String::from_utf8_lossy(context.arg(0));
        if !self.form.is_radius() && self.origin.is_none() {
            return refuse(format!("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"));
        }
        if !self.form.is_radius() && self.extent.is_none() {
            return refuse(format!("ERR exactly one of BYRADIUS and BYBOX can be specified for {name}"));
        }
        if self.any && self.count.is_none() {
            return refuse("ERR the ANY argument requires COUNT argument");
        }
        Ok(())
    }

    /// Reads the options from `at` on, and does what they say.
    fn run(mut self, context: &mut Context<'a>, options_at: usize) -> Outcome {
        self.parse_options(context, options_at)?;
        self.check(context)?;
        let found = match (&self.key, self.origin.and_then(Origin::position), self.extent) {
            (Some(key), Some(centre), Some((extent, unit_m))) => {
                self.search(context.store, key, &Shape { centre, extent, unit_m })?
            }
            _ => Vec::new(),
        };
        match self.destination {
            Some(destination) => self.store(context, destination, found),
            None => Ok(self.reply(context, found)),
        }
    }

    /// A unit in metres.
    fn unit_m(&self) -> f64 {
        self.extent.map_or(1.0, |(_, unit_m)| unit_m)
    }

    /// The members in reach, as many as there may be, in their order.
    fn search(&self, store: &Store, key: &Key, shape: &Shape) -> Result<Vec<Found>, Failure> {
        let limit = if self.any { self.count } else { None };
        let mut found = Vec::new();
        for cell in shape.cells() {
            if limit.is_some_and(|limit| found.len() >= limit) {
                break;
            }
            let (low, behind) = cell.scores();
            store.zset_walk_scores(key, (low, behind.next_down()), |Scored { member, score }| {
                let position = Position::of_score(score);
                if let Some(distance_m) = shape.reach_m(position) {
                    found.push(Found { member, score, position, distance_m });
                }
                let is_enough = limit.is_some_and(|limit| found.len() >= limit);
                if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        let returned = self.count.map_or(found.len(), |count| count.min(found.len()));
        // Which ones are returned depends on their order, unless any will do.
        let order = self.order.or((self.count.is_some() && !self.any).then_some(Order::Ascending));
        if let Some(order) = order {
            let compare = |left: &Found, right: &Found| {
                let ascending = left.distance_m.partial_cmp(&right.distance_m).unwrap_or(Ordering::Equal);
                if order == Order::Ascending { ascending } else { ascending.reverse() }
            };
            if returned == found.len() {
                found = qsort::sort_all(found, &compare);
            } else {
                qsort::sort_places(&mut found, &(0..returned), &compare);
            }
        }
        found.truncate(returned);
        Ok(found)
    }

    fn reply(&self, context: &Context<'_>, found: Vec<Found>) -> Reply {
        let unit_m = self.unit_m();
        let details = self.with_distance || self.with_hash || self.with_position;
        let reply = |Found { member, score, position, distance_m }| {
            if !details {
                return Reply::Bulk(member);
            }
            let mut parts = vec![Reply::Bulk(member)];
            parts.extend(self.with_distance.then(|| distance_reply(distance_m / unit_m)));
            parts.extend(self.with_hash.then_some(Reply::Int(score as i64)));
            parts.extend(self.with_position.then(|| position_reply(context, position)));
            Reply::Array(parts)
        };
        Reply::Array(found.into_iter().map(reply).collect())
    }

    fn store(&self, context: &mut Context<'_>, destination: &[u8], found: Vec<Found>) -> Outcome {
        let unit_m = self.unit_m();
        let scored = |Found { member, score, distance_m, .. }| {
            let score = if self.stores_distance { distance_m / unit_m } else { score };
            Scored { member, score }
        };
        let members: Vec<Scored> = found.into_iter().map(scored).collect();
        let longest = members.iter().map(|scored| scored.member.len()).max().unwrap_or(0);
        let prepare = |key: &mut Key| key.outgrow_sorted_set(members.len() as i64, longest);
        sorted_sets::store_members(context, destination, &members, prepare)
    }
}

/// The radius at `at` and its unit.
fn circle(context: &Context<'_>, at: usize) -> Result<(Extent, f64), Failure> {
    let radius = double_or(context, at, "ERR need numeric radius")?;
    if radius < 0.0 {
        return refuse("ERR radius cannot be negative");
    }
    Ok((Extent::Circle { radius }, unit_m(context, at + 1)?))
}

/// The width at `at`, the height and their unit.
fn rectangle(context: &Context<'_>, at: usize) -> Result<(Extent, f64), Failure> {
    let width = double_or(context, at, "ERR need numeric width")?;
    let height = double_or(context, at + 1, "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return refuse("ERR height or width cannot be negative");
    }
    Ok((Extent::Box { width, height }, unit_m(context, at + 2)?))
}

fn by_radius(context: &mut Context<'_>, form: Form) -> Outcome {
    let mut query = Query::new(form, find(context, 1)?);
    query.origin = Some(Origin::Place(position(context, 2)?));
    query.extent = Some(circle(context, 4)?);
    query.run(context, 6)
}

fn by_member(context: &mut Context<'_>, form: Form) -> Outcome {
    let mut query = Query::new(form, find(context, 1)?);
    // Redis does not look at the distance where there is nothing to measure from.
    if query.key.is_some() {
        query.origin = Some(Origin::of_member(context, query.key.as_ref(), context.arg(2))?);
        query.extent = Some(circle(context, 3)?);
    }
    query.run(context, 5)
}

pub(super) fn georadius(context: &mut Context<'_>) -> Outcome {
    by_radius(context, Form::Radius)
}

pub(super) fn georadius_ro(context: &mut Context<'_>) -> Outcome {
    by_radius(context, Form::ReadRadius)
}

pub(super) fn georadiusbymember(context: &mut Context<'_>) -> Outcome {
    by_member(context, Form::Radius)
}

pub(super) fn georadiusbymember_ro(context: &mut Context<'_>) -> Outcome {
    by_member(context, Form::ReadRadius)
}

pub(super) fn geosearch(context: &mut Context<'_>) -> Outcome {
    let key = find(context, 1)?;
    Query::new(Form::Read, key).run(context, 2)
}

pub(super) fn geosearchstore(context: &mut Context<'_>) -> Outcome {
    let mut query = Query::new(Form::Store, find(context, 2)?);
    query.destination = Some(context.arg(1));
    query.run(context, 3)
}
