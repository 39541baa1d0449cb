//! SQLite's memory that runs out when told to: its allocator, wrapped, with a plan for each thread.
//!
//! ```
//! use redlite::RedliteClient;
//! use redlite::vfs::{AllocationPlan, fail_allocations};
//!
//! let mut store = RedliteClient::new_memory()?;
//! let value = vec![b'v'; 10_000];
//! let guard = fail_allocations(AllocationPlan { nth: 0, times: u64::MAX })?;
//! let error = store.set("k", &value).expect_err("there is no memory");
//! assert_eq!(error.to_string(), "ERR storage: out of memory");
//! assert!(guard.failed() > 0);
//! drop(guard);
//! store.set("k", &value)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What Rust itself allocates is not part of it. A store that is opened while a guard is there has every allocation of
//! SQLite counted; one that was opened before takes small ones out of a block that it has allocated already.
#![allow(unsafe_code)] // SQLite's allocator is a table of C functions. Each block says why it is sound.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

use rusqlite::{Connection, ffi};

/// Which of SQLite's allocations on this thread fail; by default none. One is a block that is made, or made larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocationPlan {
    /// How many succeed before the first that fails: 0 is the next one.
    pub nth: u64,
    /// How many fail from there on, whether or not the one before mattered.
    pub times: u64,
}

/// SQLite was used in this process before Redlite was: its allocator cannot be wrapped any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("allocations cannot be made to fail: something else in this process used SQLite before Redlite did")]
pub struct AllocatorInUse;

/// Makes allocations of SQLite on this thread fail as the plan says, until the guard is dropped. The plan of a guard
/// that is there already waits as long. Other threads are not disturbed.
///
/// # Errors
/// [`AllocatorInUse`] where something else used SQLite before.
pub fn fail_allocations(plan: AllocationPlan) -> Result<AllocationGuard, AllocatorInUse> {
    if !install() {
        return Err(AllocatorInUse);
    }
    let run = Run { is_planned: true, succeed: plan.nth, fail: plan.times, failed: 0 };
    Ok(AllocationGuard { before: RUN.replace(run), of_this_thread: PhantomData })
}

/// How many allocations SQLite asked for on this thread so far, those that failed included: before and after a run,
/// to fail each of them in the next one.
///
/// # Errors
/// [`AllocatorInUse`] where something else used SQLite before.
pub fn allocations() -> Result<u64, AllocatorInUse> {
    if install() { Ok(ASKED.get()) } else { Err(AllocatorInUse) }
}

/// How many bytes SQLite has allocated on this thread that it has not freed there.
///
/// # Errors
/// [`AllocatorInUse`] where something else used SQLite before.
pub fn allocated_bytes() -> Result<i64, AllocatorInUse> {
    if install() { Ok(HELD_BYTES.get()) } else { Err(AllocatorInUse) }
}

/// Allocations fail as planned as long as this is there.
#[derive(Debug)]
#[must_use = "dropped, it ends the plan"]
pub struct AllocationGuard {
    before: Run,
    of_this_thread: PhantomData<*const ()>,
}

impl AllocationGuard {
    /// How many allocations failed so far.
    pub fn failed(&self) -> u64 {
        RUN.get().failed
    }

    /// What is left of the plan: another guard goes on with it.
    pub fn rest(&self) -> AllocationPlan {
        let run = RUN.get();
        AllocationPlan { nth: run.succeed, times: run.fail }
    }
}

impl Drop for AllocationGuard {
    fn drop(&mut self) {
        RUN.set(self.before);
    }
}

/// What is left of a plan.
#[derive(Clone, Copy, Debug)]
struct Run {
    is_planned: bool,
    succeed: u64,
    fail: u64,
    failed: u64,
}

thread_local! {
    static RUN: Cell<Run> = const { Cell::new(Run { is_planned: false, succeed: 0, fail: 0, failed: 0 }) };
    static ASKED: Cell<u64> = const { Cell::new(0) };
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// Takes the block for small allocations from a connection that was just opened, where they are to be seen.
///
/// # Errors
/// Where SQLite refuses.
pub(crate) fn expose(sqlite: &Connection) -> rusqlite::Result<()> {
    if !RUN.get().is_planned {
        return Ok(());
    }
    let (no_block, none) = (ptr::null_mut::<c_void>(), 0 as c_int);
    // SAFETY: the handle is open as long as `sqlite` is borrowed; the option's arguments are a block and two numbers.
    let code = unsafe { ffi::sqlite3_db_config(sqlite.handle(), ffi::SQLITE_DBCONFIG_LOOKASIDE, no_block, none, none) };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)) }
}

/// Counts an allocation; true where it fails.
fn is_refused() -> bool {
    ASKED.set(ASKED.get() + 1);
    let run = RUN.get();
    if run.fail == 0 {
        return false;
    }
    RUN.set(match run.succeed {
        0 => Run { fail: run.fail - 1, failed: run.failed + 1, ..run },
        _ => Run { succeed: run.succeed - 1, ..run },
    });
    run.succeed == 0
}

/// SQLite's own allocator.
#[derive(Clone, Copy)]
struct Allocator {
    malloc: unsafe extern "C" fn(c_int) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    realloc: unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void,
    size: unsafe extern "C" fn(*mut c_void) -> c_int,
}

/// Set before SQLite gets the wrapper.
static ALLOCATOR: OnceLock<Allocator> = OnceLock::new();

/// Wraps the allocator the first time that this is called; true where it is wrapped. Every way to open a store comes
/// through here first, so that plans work whatever was opened before. Where nothing is planned, an allocation takes
/// about a nanosecond longer.
pub(crate) fn install() -> bool {
    static IS_WRAPPED: OnceLock<bool> = OnceLock::new();
    *IS_WRAPPED.get_or_init(|| wrap().is_some())
}

fn wrap() -> Option<()> {
    let mut methods = MaybeUninit::<ffi::sqlite3_mem_methods>::zeroed();
    // SAFETY: the option's argument is a table, which SQLite fills in; where it refuses, a table of zeros is one of
    // nulls. SQLite asks that no other thread calls it meanwhile, as settings are not guarded. Redlite's own threads
    // wait here, and where a thread of another library starts SQLite at the same moment, whichever of the functions it
    // sees are right: memory of the one allocator is memory of the other.
    let (code, own) = unsafe {
        let code = ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, methods.as_mut_ptr());
        (code, methods.assume_init())
    };
    let allocator = Allocator { malloc: own.xMalloc?, free: own.xFree?, realloc: own.xRealloc?, size: own.xSize? };
    if code != ffi::SQLITE_OK || ALLOCATOR.set(allocator).is_err() {
        return None;
    }
    let wrapped = ffi::sqlite3_mem_methods { xMalloc: Some(malloc), xFree: Some(free), xRealloc: Some(realloc), ..own };
    // SAFETY: the table is SQLite's own but for three functions that keep to the contract of what they wrap; SQLite
    // copies it.
    let code = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const wrapped) };
    (code == ffi::SQLITE_OK).then_some(())
}

unsafe extern "C" fn malloc(bytes: c_int) -> *mut c_void {
    match ALLOCATOR.get() {
        // SAFETY: called as SQLite would call it.
        Some(allocator) if !is_refused() => unsafe {
            let block = (allocator.malloc)(bytes);
            hold(size_of(allocator, block));
            block
        },
        _ => ptr::null_mut(),
    }
}

unsafe extern "C" fn free(block: *mut c_void) {
    let Some(allocator) = ALLOCATOR.get() else { return };
    // SAFETY: SQLite gives a block of this allocator.
    unsafe {
        hold(-size_of(allocator, block));
        (allocator.free)(block);
    }
}

/// # Safety
/// The block is one of this allocator, or null.
unsafe fn size_of(allocator: &Allocator, block: *mut c_void) -> i64 {
    // SAFETY: it is not null then.
    if block.is_null() { 0 } else { i64::from(unsafe { (allocator.size)(block) }) }
}

/// So many bytes more are held. A thread that ends counts no more.
fn hold(bytes: i64) {
    let _ = HELD_BYTES.try_with(|held| held.set(held.get() + bytes));
}

/// Where it fails, the block stays as it is.
unsafe extern "C" fn realloc(block: *mut c_void, bytes: c_int) -> *mut c_void {
    let Some(allocator) = ALLOCATOR.get() else { return ptr::null_mut() };
    // SAFETY: SQLite gives a block of this allocator, which is not null.
    let before = unsafe { (allocator.size)(block) };
    let grows = bytes > before;
    if grows && is_refused() {
        return ptr::null_mut();
    }
    // SAFETY: called as SQLite would call it; what is returned is the block as it is now.
    unsafe {
        let moved = (allocator.realloc)(block, bytes);
        if !moved.is_null() {
            hold(size_of(allocator, moved) - i64::from(before));
        }
        moved
    }
}
