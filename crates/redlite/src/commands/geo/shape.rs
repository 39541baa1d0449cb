//! What a search covers: a circle or a box around a position, and the cells that it may reach into.
//!
//! Source: `geohash_helper.c` of Redis 7.0, probed. As in `geohash`, the order of each computation is Redis'.

use super::geohash::{Cell, LATITUDE_MAX, Position};

/// In metres.
const EARTH_RADIUS_M: f64 = 6372797.560856;

/// Half of the equator in the map's projection, in metres.
const MERCATOR_MAX_M: f64 = 20037726.37;

const RADIANS: f64 = std::f64::consts::PI / 180.0;

/// How far around a position a search reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Extent {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// What a search covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub centre: Position,
    /// In units.
    pub extent: Extent,
    /// A unit, in metres.
    pub unit_m: f64,
}

/// The distance of two positions on a sphere, in metres. Of two on opposite sides it may be not a number.
pub(super) fn distance_m(from: Position, to: Position) -> f64 {
    let v = ((to.longitude * RADIANS - from.longitude * RADIANS) / 2.0).sin();
    if v == 0.0 {
        return latitude_distance_m(from.latitude, to.latitude);
    }
    let (from_latitude, to_latitude) = (from.latitude * RADIANS, to.latitude * RADIANS);
    let u = ((to_latitude - from_latitude) / 2.0).sin();
    let haversine = u * u + from_latitude.cos() * to_latitude.cos() * v * v;
    2.0 * EARTH_RADIUS_M * haversine.sqrt().asin()
}

/// The distance of two latitudes, in metres.
fn latitude_distance_m(from: f64, to: f64) -> f64 {
    EARTH_RADIUS_M * (to * RADIANS - from * RADIANS).abs()
}

impl Shape {
    /// How far from the centre the position is, in metres; `None` where the search does not reach it.
    pub fn reach_m(&self, position: Position) -> Option<f64> {
        let is_beyond = match self.extent {
            Extent::Circle { radius } => distance_m(self.centre, position) > radius * self.unit_m,
            Extent::Box { width, height } => {
                let east = Position { longitude: self.centre.longitude, ..position };
                latitude_distance_m(position.latitude, self.centre.latitude) > height * self.unit_m / 2.0
                    || distance_m(position, east) > width * self.unit_m / 2.0
            }
        };
        (!is_beyond).then(|| distance_m(self.centre, position))
    }

    /// The cells that have every position in reach, in the order in which Redis visits them: the centre's own, then
    /// those around it.
    pub fn cells(&self) -> Vec<Cell> {
        let bounds = self.bounds();
        let mut step = self.step();
        if step > 1 && !covers(self.cell(step), &bounds) {
            step -= 1;
        }
        let centre = self.cell(step);
        let area = centre.area();
        // Where the centre's cell itself goes beyond the bounds, what lies behind it is out of reach.
        let is_reached = |east: i32, north: i32| {
            let (longitude, latitude) = (bounds.longitudes, bounds.latitudes);
            let is_out = (north < 0 && area.latitudes.0 < latitude.0)
                || (north > 0 && area.latitudes.1 > latitude.1)
                || (east < 0 && area.longitudes.0 < longitude.0)
                || (east > 0 && area.longitudes.1 > longitude.1);
            step < 2 || !is_out
        };
        const AROUND: [(i32, i32); 8] = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let reached = AROUND.into_iter().filter(|&(east, north)| is_reached(east, north));
        let mut cells: Vec<Cell> = reached.map(|(east, north)| centre.neighbour(east, north)).collect();
        // With two cells a row, north is south and east is west.
        cells.dedup();
        cells.insert(0, centre);
        cells
    }

    fn cell(&self, step: u32) -> Cell {
        Cell::around(self.centre, LATITUDE_MAX, step)
    }

    /// The box that holds the shape.
    fn bounds(&self) -> Bounds {
        let Position { longitude, latitude } = self.centre;
        let (width, height) = match self.extent {
            Extent::Circle { radius } => (radius, radius),
            Extent::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let (width_m, height_m) = (self.unit_m * width, self.unit_m * height);
        let by_latitude = height_m / EARTH_RADIUS_M / RADIANS;
        // The wider one of the two ends: a degree is the shorter, the nearer it is to a pole.
        let edge = if latitude < 0.0 { latitude - by_latitude } else { latitude + by_latitude };
        let by_longitude = width_m / EARTH_RADIUS_M / (edge * RADIANS).cos() / RADIANS;
        Bounds {
            longitudes: (longitude - by_longitude, longitude + by_longitude),
            latitudes: (latitude - by_latitude, latitude + by_latitude),
        }
    }

    /// The step whose cells are about as large as the shape.
    fn step(&self) -> u32 {
        let radius = match self.extent {
            Extent::Circle { radius } => radius,
            Extent::Box { width, height } => ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt(),
        };
        let mut radius_m = radius * self.unit_m;
        if radius_m == 0.0 {
            return 26;
        }
        let mut step = 1;
        while radius_m < MERCATOR_MAX_M {
            radius_m *= 2.0;
            step += 1;
        }
        // Room for what the estimate leaves out, and for cells that are narrower near the poles.
        step -= 2;
        let latitude = self.centre.latitude.abs();
        step -= i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        step.clamp(1, 26) as u32
    }
}

/// The lowest and the highest of each that a shape reaches, in degrees.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    longitudes: (f64, f64),
    latitudes: (f64, f64),
}

/// False where the cells beside `centre` end before the bounds do.
fn covers(centre: Cell, bounds: &Bounds) -> bool {
    let beside = |east: i32, north: i32| centre.neighbour(east, north).area();
    let is_short = beside(0, 1).latitudes.1 < bounds.latitudes.1
        || beside(0, -1).latitudes.0 > bounds.latitudes.0
        || beside(1, 0).longitudes.1 < bounds.longitudes.1
        || beside(-1, 0).longitudes.0 > bounds.longitudes.0;
    !is_short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_visits_the_cells_that_redis_visits() {
        let check = |(longitude, latitude): (f64, f64), radius: f64, step: u32, cells: usize| {
            let centre = Position { longitude, latitude };
            let shape = Shape { centre, extent: Extent::Circle { radius }, unit_m: 1000.0 };
            let got = shape.cells();
            assert_eq!((got[0].step, got.len()), (step, cells), "{longitude} {latitude} {radius} km: {got:?}");
        };
        check((15.0, 37.0), 0.0, 26, 1);
        check((15.0, 37.0), 200.0, 6, 4);
        check((0.0, 0.0), 20_000.0, 1, 4);
        check((0.0, 0.0), f64::INFINITY, 1, 4);
        check((180.0, 85.0), 1.0, 11, 2);
    }
}
