//! Builds the clock shim, a shared object that the binary carries with it (see `src/targets/shim.c`).
//!
//! Where it cannot be built an empty file takes its place, and spawned servers keep real time.

use std::path::{Path, PathBuf};
use std::{env, fs};

const SOURCE: &str = "src/targets/shim.c";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let object = out_dir.join("clock_shim.so");
    if let Err(why) = build_shim(&object) {
        println!("cargo::warning=no clock shim, so servers that dst starts keep real time: {why}");
        if let Err(why) = fs::write(&object, []) {
            println!("cargo::error=cannot write {}: {why}", object.display());
        }
    }
}

fn build_shim(object: &Path) -> Result<(), String> {
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if os != "linux" {
        return Err(format!("the shim is written for linux, not for {os}"));
    }
    let compiler = cc::Build::new().opt_level(2).pic(true).try_get_compiler().map_err(|why| why.to_string())?;
    let status = compiler
        .to_command()
        .args(["-shared", "-fPIC", "-Wall", "-Wextra", SOURCE, "-ldl", "-o"])
        .arg(object)
        .status()
        .map_err(|why| format!("cannot run {}: {why}", compiler.path().display()))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", compiler.path().display())) }
}
