//! Positions as scores, and the cells of the earth that they name.
//!
//! A cell of step s is one of 4^s into which the longitudes and the latitudes are halved s times. Its number has a bit
//! for each halving, the latitude's at the even places. A position's score is the number of its cell of step 26.
//! Sums and products are done in the order in which Redis does them, since roundings show in replies.
//!
//! Source: `geohash.c` and `geohash_helper.c` of Redis 7.0, probed.

/// The northernmost latitude of the map, in degrees; the southernmost is its opposite. EPSG:3857.
pub(super) const LATITUDE_MAX: f64 = 85.05112878;

/// The easternmost longitude, in degrees; the westernmost is its opposite.
pub(super) const LONGITUDE_MAX: f64 = 180.0;

/// The step of scores.
pub(super) const STEP_MAX: u32 = 26;

/// The even places of a number: those of latitudes.
const EVEN: u64 = 0x5555_5555_5555_5555;

/// A place on earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    pub longitude: f64,
    pub latitude: f64,
}

impl Position {
    /// True for one that is on the map.
    pub fn is_valid(self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    /// The score under which a sorted set keeps it. East of the last cell, at 180 degrees, it is above 2^52.
    pub fn score(self) -> f64 {
        Cell::around(self, LATITUDE_MAX, STEP_MAX).bits as f64
    }

    /// The centre of the cell that a score names. Scores that are no position are taken as x86-64 converts them.
    pub fn of_score(score: f64) -> Self {
        let area = Cell { bits: integer_of(score), step: STEP_MAX }.area();
        let centre = |(low, high): (f64, f64), limit: f64| ((low + high) / 2.0).clamp(-limit, limit);
        Self { longitude: centre(area.longitudes, LONGITUDE_MAX), latitude: centre(area.latitudes, LATITUDE_MAX) }
    }

    /// The text of <https://en.wikipedia.org/wiki/Geohash>, whose map ends at the poles: 10 letters of 5 bits, and a
    /// last one that is always 0.
    pub fn geohash(self) -> Vec<u8> {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::around(self, 90.0, STEP_MAX).bits;
        let letters = (1..=10).map(|at| ALPHABET[(bits >> (52 - 5 * at)) as usize & 0x1f]);
        letters.chain([b'0']).collect()
    }
}

/// A double as x86-64 converts it to an unsigned integer, also where C leaves that open.
fn integer_of(score: f64) -> u64 {
    const HALF: f64 = (1u64 << 63) as f64;
    let convert = |value: f64| if (-HALF..HALF).contains(&value) { value as i64 } else { i64::MIN } as u64;
    if score < HALF { convert(score) } else { convert(score - HALF) ^ 1 << 63 }
}

/// A cell. At 180 degrees its number has a bit more than its step says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub bits: u64,
    pub step: u32,
}

/// What a cell covers: the lowest and the highest of each, in degrees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub longitudes: (f64, f64),
    pub latitudes: (f64, f64),
}

impl Cell {
    /// The cell of this step around a position, on a map that ends at ± `latitude_max`.
    pub fn around(position: Position, latitude_max: f64, step: u32) -> Self {
        let cells = (1u64 << step) as f64;
        let index = |degrees: f64, limit: f64| ((degrees + limit) / (limit + limit) * cells) as u32;
        let (latitude, longitude) = (index(position.latitude, latitude_max), index(position.longitude, LONGITUDE_MAX));
        Self { bits: spread(latitude) | spread(longitude) << 1, step }
    }

    /// What it covers, on the map of scores.
    pub fn area(self) -> Area {
        let cells = (1u64 << self.step) as f64;
        let degrees = |index: u32, limit: f64| -limit + f64::from(index) / cells * (limit + limit);
        let span = |index: u32, limit: f64| (degrees(index, limit), degrees(index.wrapping_add(1), limit));
        Area {
            longitudes: span(gather(self.bits >> 1), LONGITUDE_MAX),
            latitudes: span(gather(self.bits), LATITUDE_MAX),
        }
    }

    /// The lowest score in it, and the lowest behind it.
    pub fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEP_MAX - self.step);
        ((self.bits << shift) as f64, ((self.bits + 1) << shift) as f64)
    }

    /// The cell that is so many cells east and north: -1, 0 or 1 of each. The map goes round in both directions.
    pub fn neighbour(self, east: i32, north: i32) -> Self {
        let places = u64::MAX >> (64 - 2 * self.step);
        let mut bits = self.bits;
        for (mask, by) in [(!EVEN, east), (EVEN, north)] {
            // With the other places full, a carry or a borrow goes through them.
            let (own, others) = (bits & mask, !mask & places);
            let moved = match by {
                0 => continue,
                1.. => own.wrapping_add(others + 1),
                _ => (own | others).wrapping_sub(others + 1),
            };
            bits = (moved & mask & places) | (bits & !mask);
        }
        Self { bits, step: self.step }
    }
}

/// The bits of `value` at the even places.
fn spread(value: u32) -> u64 {
    let mut bits = u64::from(value);
    for shift in [16, 8, 4, 2, 1] {
        bits = (bits | bits << shift) & blocks(shift);
    }
    bits
}

/// The bits at the even places of `value`.
fn gather(value: u64) -> u32 {
    let mut bits = value & EVEN;
    for shift in [1, 2, 4, 8, 16] {
        bits = (bits | bits >> shift) & blocks(2 * shift);
    }
    bits as u32
}

/// Every second block of so many bits, from the lowest on: 8 gives 0x00ff00ff00ff00ff.
fn blocks(bits: u32) -> u64 {
    match bits {
        32 => 0xffff_ffff,
        _ => u64::MAX / ((1 << bits) + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(longitude: f64, latitude: f64) -> Position {
        Position { longitude, latitude }
    }

    /// The expectations are answers of redis-server 7.0.15.
    #[test]
    fn scores_are_those_of_redis() {
        let check = |longitude: f64, latitude: f64, score: f64, back: Position, geohash: &str| {
            let got = position(longitude, latitude).score();
            assert_eq!(got, score, "score of {longitude} {latitude}");
            assert_eq!(Position::of_score(got), back, "position of {longitude} {latitude}");
            assert_eq!(String::from_utf8_lossy(&Position::of_score(got).geohash()), geohash);
        };
        let palermo = position(13.361389338970184, 38.1155563954963);
        check(13.361389, 38.115556, 3479099956230698.0, palermo, "sqc8b49rny0");
        check(180.0, 85.05112878, 13510798882111488.0, position(180.0, 85.05112878), "bp05b5048p0");
        let south_west = position(-179.99999731779099, -85.05112751263943);
        check(-180.0, -85.05112878, 0.0, south_west, "00bh0hbj200");
    }

    #[test]
    fn scores_that_are_no_position_are_taken_as_the_processor_takes_them() {
        let check = |score: f64, expected: u64| assert_eq!(integer_of(score), expected, "{score}");
        check(1.5, 1);
        check(-1.0, u64::MAX);
        check(1e19, 10_000_000_000_000_000_000);
        check(1e20, 0);
        check(f64::INFINITY, 0);
        check(f64::NEG_INFINITY, 1 << 63);
        check(-1e19, 1 << 63);
    }

    #[test]
    fn bits_are_spread_and_gathered() {
        for value in [0, 1, 2, 3, 0x8000_0000, 0xdead_beef, u32::MAX] {
            let bits: u64 = (0..32).map(|at| u64::from(value >> at & 1) << (2 * at)).sum();
            assert_eq!(spread(value), bits, "{value:#x}");
            assert_eq!(gather(bits | bits << 1), value, "{value:#x}");
        }
    }

    #[test]
    fn neighbours_are_one_cell_away_and_go_round() {
        let check = |longitude: f64, latitude: f64, step: u32, (east, north): (i32, i32), expected: (f64, f64)| {
            let cell = Cell::around(position(longitude, latitude), LATITUDE_MAX, step);
            let area = cell.neighbour(east, north).area();
            assert_eq!((area.longitudes.0, area.latitudes.0), expected, "{longitude} {latitude} {east} {north}");
        };
        let half = LATITUDE_MAX / 2.0;
        check(1.0, 1.0, 2, (1, 0), (90.0, 0.0));
        check(1.0, 1.0, 2, (-1, -1), (-90.0, -half));
        check(179.0, 1.0, 2, (1, 1), (-180.0, half));
        check(-179.0, -80.0, 2, (-1, -1), (90.0, half));
    }
}
