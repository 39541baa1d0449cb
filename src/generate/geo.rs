//! Positions and distances: a few places with much around them, so that searches find several members.

use crate::seed::Stream;
use resp::Argv;

use super::arguments::Arguments;
use super::numbers::{ODD_DOUBLES, write_int};

/// A position in units of 10^-8 degrees, longitude and latitude.
type Point = (i64, i64);

const DEGREE: i64 = 100_000_000;

/// The northernmost latitude that Redis takes.
const LATITUDE_MAX: i64 = 8_505_112_878;
const LONGITUDE_MAX: i64 = 180 * DEGREE;

/// Where positions cluster: ordinary places, the crossings of the lines at which cells meet, the corners and edges of
/// the map, both sides of the antimeridian, places opposite each other, and latitudes at which searches widen.
const CENTRES: &[Point] = &[
    (1_336_138_900, 3_811_555_600),
    (1_508_726_900, 3_750_266_900),
    (-12_241_940_000, 3_777_490_000),
    (15_120_930_000, -3_386_880_000),
    (-7_399_000_000, 4_075_000_000),
    (-16_663_861_100, -3_811_555_600),
    (0, 0),
    (0, 0),
    (9_000_000_000, 4_252_556_439),
    (-4_500_000_000, 0),
    (LONGITUDE_MAX, 0),
    (-LONGITUDE_MAX, 1_000_000_000),
    (17_999_990_000, -1_700_000_000),
    (-17_999_990_000, -1_700_000_000),
    (LONGITUDE_MAX, LATITUDE_MAX),
    (-LONGITUDE_MAX, -LATITUDE_MAX),
    (2_500_000_000, LATITUDE_MAX),
    (-6_900_000_000, -LATITUDE_MAX),
    (2_495_000_000, 6_650_000_000),
    (1_560_000_000, 8_010_000_000),
    (-5_830_000_000, -6_590_000_000),
];

/// How far from a centre, at most: from a metre to a continent.
const SPREADS: &[u32] = &[1_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// Distances in the unit that follows, most of them of towns and countries.
const DISTANCES: &[&[u8]] = &[
    b"0",
    b"1",
    b"10",
    b"50",
    b"100",
    b"100",
    b"200",
    b"500",
    b"500",
    b"1000",
    b"1000",
    b"2000",
    b"5000",
    b"5000",
    b"20000",
    b"100000",
    b"500000",
    b"1000000",
    b"3000000",
    b"10000000",
    b"0.5",
    b"1.5",
    b"111.32",
    b"5009.5",
    b"1e3",
    b"20037726.37",
    b"30000000",
];

/// Distances that are none, or extreme.
const ODD_DISTANCES: &[&[u8]] = &[b"-1", b"-0", b"-0.5", b"inf", b"1e300", b"1e-300", b"4.9e-324", b"0x10"];

/// Degrees off the map, or at its edge.
const ODD_DEGREES: &[&[u8]] = &[
    b"180.00000001",
    b"-181",
    b"85.05112879",
    b"-85.0511288",
    b"90",
    b"-90",
    b"180",
    b"-180",
    b"85.05112878",
    b"1e300",
];

/// The places of one seed.
#[derive(Debug)]
pub(super) struct Places {
    centres: Vec<Point>,
    spread: u32,
    /// Positions that come again and again.
    points: Vec<Point>,
    /// The latitude that goes with the longitude drawn last.
    latitude: i64,
    /// How many members come again and again.
    members: usize,
}

impl Places {
    /// Draws them, for sorted sets of so many members at most.
    pub fn new(members: u32, stream: &mut Stream) -> Self {
        let centres = (0..stream.between(1, 3)).map(|_| *stream.pick(CENTRES)).collect();
        // Large sets are to become large.
        let members = if members > 100 { members as usize } else { 4 };
        let mut places = Self { centres, spread: *stream.pick(SPREADS), points: Vec::new(), latitude: 0, members };
        places.points = (0..stream.between(4, 24)).map(|_| places.near_centre(stream)).collect();
        places
    }

    fn near_centre(&self, stream: &mut Stream) -> Point {
        let (longitude, latitude) = *stream.pick(&self.centres);
        let mut moved = |value: i64, max: i64| {
            let by = i64::from(stream.below(2 * self.spread + 1)) - i64::from(self.spread);
            (value + by).clamp(-max, max)
        };
        (moved(longitude, LONGITUDE_MAX), moved(latitude, LATITUDE_MAX))
    }

    /// The index of a member, from one drawn as in any sorted set: positions are asked for by the names of their
    /// members, and most of these are to be there.
    pub fn member(&self, index: usize, stream: &mut Stream) -> usize {
        if stream.chance(3, 4) { index % self.members } else { index }
    }

    fn draw(&self, stream: &mut Stream) -> Point {
        let shape = stream.below(16);
        match shape {
            0 => *stream.pick(CENTRES),
            1..4 => self.near_centre(stream),
            _ => *stream.pick(&self.points),
        }
    }
}

impl Arguments {
    /// The longitude of a position.
    pub(super) fn write_longitude(&mut self, argv: &mut Argv) {
        let (longitude, latitude) = self.places.draw(&mut self.values);
        self.places.latitude = latitude;
        self.write_degrees(longitude, argv);
    }

    /// The latitude of the position whose longitude was written last.
    pub(super) fn write_latitude(&mut self, argv: &mut Argv) {
        self.write_degrees(self.places.latitude, argv);
    }

    fn write_degrees(&mut self, value: i64, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            let odd = if self.values.chance(1, 2) { ODD_DEGREES } else { ODD_DOUBLES };
            return self.push_one(odd, argv);
        }
        argv.push_with(|out| write_point(value, out));
    }

    /// A radius, a width or a height.
    pub(super) fn write_distance(&mut self, argv: &mut Argv) {
        let odd = if self.values.chance(1, 2) { ODD_DISTANCES } else { ODD_DOUBLES };
        self.write_double(DISTANCES, odd, argv);
    }
}

/// Appends degrees in decimal.
fn write_point(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let (whole, mut fraction) = (value.abs() / DEGREE, value.abs() % DEGREE);
    write_int(whole, out);
    if fraction == 0 {
        return;
    }
    out.push(b'.');
    let mut place = DEGREE / 10;
    while fraction > 0 {
        out.push(b'0' + (fraction / place) as u8);
        fraction %= place;
        place /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_are_written_in_decimal() {
        let check = |value: i64, expected: &str| {
            let mut out = Vec::new();
            write_point(value, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        };
        check(0, "0");
        check(-LATITUDE_MAX, "-85.05112878");
        check(-1, "-0.00000001");
        check(LONGITUDE_MAX, "180");
        check(1_000_000_500, "10.000005");
    }
}
