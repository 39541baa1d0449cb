//! The armored form.
