//! The x87 80-bit `long double` in which Redis adds INCRBYFLOAT and HINCRBYFLOAT, bit for bit.
//!
//! Source: `string2ld`, `ld2string` (`LD_STR_HUMAN`) of Redis 7.0 on x86-64 Linux, probed.

/// A number with a significand of 64 bits and an exponent of 15, or an infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LongDouble {
    negative: bool,
    /// `None` for an infinity.
    magnitude: Option<(u64, i32)>,
}

/// Why two texts have no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddError {
    /// The value to add to is no number.
    Value,
    /// The increment is no number.
    Increment,
    /// The sum is infinite, or none at all.
    NotFinite,
}

impl LongDouble {
    /// The number that `text` is in Redis' eyes; not a number is none, an infinity is one.
    pub fn parse(_text: &[u8]) -> Option<Self> {
        todo!()
    }

    /// False for the two infinities.
    pub fn is_finite(self) -> bool {
        self.magnitude.is_some()
    }
}

/// The sum of two numbers in Redis' notation: up to 17 decimals, without zeros at their end.
///
/// # Errors
/// [`AddError`]; the value is looked at before the increment.
pub(super) fn add(_value: &[u8], _increment: &[u8]) -> Result<Vec<u8>, AddError> {
    todo!()
}
