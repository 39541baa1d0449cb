//! Redlite
