//! What FT.AGGREGATE makes of the rows of a group.

use std::collections::BTreeSet;

use super::aggregate::Reducer;
use super::value::{Ordered, Value};

/// A reducer at work on one group.
#[derive(Clone, Debug)]
pub(super) enum Reduction {
    Count(f64),
    CountDistinct(BTreeSet<Ordered>),
    Sum(f64),
    Minimum(f64),
    Maximum(f64),
    Average { sum: f64, count: f64 },
    Deviation(Vec<f64>),
    List { seen: BTreeSet<Ordered>, items: Vec<Value> },
    FirstValue { value: Value, by: Option<Value> },
}

impl Reduction {
    /// Of a group without rows.
    pub fn of(reducer: &Reducer) -> Self {
        match reducer {
            Reducer::Count => Reduction::Count(0.0),
            Reducer::CountDistinct(_) => Reduction::CountDistinct(BTreeSet::new()),
            Reducer::Sum(_) => Reduction::Sum(0.0),
            Reducer::Minimum(_) => Reduction::Minimum(f64::INFINITY),
            Reducer::Maximum(_) => Reduction::Maximum(f64::NEG_INFINITY),
            Reducer::Average(_) => Reduction::Average { sum: 0.0, count: 0.0 },
            Reducer::Deviation(_) => Reduction::Deviation(Vec::new()),
            Reducer::List(_) => Reduction::List { seen: BTreeSet::new(), items: Vec::new() },
            Reducer::FirstValue { .. } => Reduction::FirstValue { value: Value::Null, by: None },
        }
    }

    /// Takes in a row: the value that is reduced, and for [`Reducer::FirstValue`] the one to order by with its
    /// direction.
    pub fn add(&mut self, value: Option<&Value>, order_by: Option<(Option<&Value>, bool)>) {
        let number = value.and_then(Value::as_number);
        match self {
            Reduction::Count(count) => *count += 1.0,
            Reduction::CountDistinct(seen) => seen.extend(value.map(|value| Ordered(value.clone()))),
            Reduction::Sum(sum) => *sum += number.unwrap_or(0.0),
            Reduction::Minimum(least) => *least = number.map_or(*least, |number| number.min(*least)),
            Reduction::Maximum(most) => *most = number.map_or(*most, |number| number.max(*most)),
            Reduction::Average { sum, count } => {
                *sum += number.unwrap_or(0.0);
                *count += f64::from(u8::from(number.is_some()));
            }
            Reduction::Deviation(numbers) => numbers.extend(number),
            Reduction::List { seen, items } => match value {
                Some(Value::List(values)) => values.iter().for_each(|value| add_item(seen, items, value)),
                Some(value) => add_item(seen, items, value),
                None => {}
            },
            Reduction::FirstValue { value: first, by } => add_first(first, by, value, order_by),
        }
    }

    /// What came of the rows.
    pub fn finish(self) -> Value {
        match self {
            Reduction::Count(number) | Reduction::Sum(number) | Reduction::Minimum(number) => Value::Number(number),
            Reduction::Maximum(number) => Value::Number(number),
            Reduction::CountDistinct(seen) => Value::Number(seen.len() as f64),
            Reduction::Average { sum, count } => Value::Number(if count > 0.0 { sum / count } else { 0.0 }),
            Reduction::Deviation(numbers) => Value::Number(sample_deviation(&numbers)),
            Reduction::List { items, .. } => Value::List(items),
            Reduction::FirstValue { value, .. } => value,
        }
    }
}

fn add_item(seen: &mut BTreeSet<Ordered>, items: &mut Vec<Value>, value: &Value) {
    if seen.insert(Ordered(value.clone())) {
        items.push(value.clone());
    }
}

/// Keeps the value of the first row, or of the row that comes first by another value.
fn add_first(
    first: &mut Value,
    first_by: &mut Option<Value>,
    value: Option<&Value>,
    order_by: Option<(Option<&Value>, bool)>,
) {
    let Some(value) = value else { return };
    let comes_first = match order_by {
        None => matches!(first, Value::Null),
        Some((None, _)) => false,
        Some((Some(by), ascending)) => {
            let is_better = first_by.as_ref().is_none_or(|kept| {
                let order = by.order(kept);
                if ascending { order.is_lt() } else { order.is_gt() }
            });
            if is_better {
                *first_by = Some(by.clone());
            }
            is_better
        }
    };
    if comes_first {
        *first = value.clone();
    }
}

/// The standard deviation of a sample; 0 of fewer than two numbers.
fn sample_deviation(numbers: &[f64]) -> f64 {
    if numbers.len() < 2 {
        return 0.0;
    }
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    (squares / (numbers.len() - 1) as f64).sqrt()
}
