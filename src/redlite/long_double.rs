//! The x87 80-bit `long double` in which Redis adds INCRBYFLOAT and HINCRBYFLOAT, bit for bit.
//!
//! Source: `string2ld`, `ld2string` (`LD_STR_HUMAN`) of Redis 7.0 on x86-64 Linux, probed.

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

/// The sum of two numbers in Redis' notation: up to 17 decimals, without zeros at their end.
///
/// # Errors
/// [`AddError`]; the value is looked at before the increment.
pub(super) fn add(_value: &[u8], _increment: &[u8]) -> Result<Vec<u8>, AddError> {
    todo!()
}

/// True where `text` is a number that [`add`] takes, the infinities included.
pub(super) fn is_number(_text: &[u8]) -> bool {
    todo!()
}
