mod generate;
mod reference;
mod spec;
