//! The two sorts by which Redis puts results in order: where elements compare as equal, which comes first shows in
//! replies.
//!
//! Source: glibc 2.36, where `qsort` merges, and `pqsort.c` of Redis 7.0, after Bentley and McIlroy, "Engineering a
//! Sort Function", 1993. Probed.

use std::cmp::Ordering;
use std::ops::Range;

/// Sorts everything as C's `qsort` does; equal elements keep their order. The comparison need not be consistent.
pub(super) fn sort_all<T>(mut items: Vec<T>, compare: &impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let count = items.len();
    if count < 2 {
        return items;
    }
    let right = sort_all(items.split_off(count / 2), compare);
    let left = sort_all(items, compare);
    let mut merged = Vec::with_capacity(count);
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(first), Some(second)) = (left.peek(), right.peek()) {
        let next = if compare(first, second).is_le() { left.next() } else { right.next() };
        merged.extend(next);
    }
    merged.extend(left.chain(right));
    merged
}

/// Sorts so far that the elements at the places `wanted` are those that would be there if all were sorted.
pub(super) fn sort_places<T>(items: &mut [T], wanted: &Range<usize>, compare: &impl Fn(&T, &T) -> Ordering) {
    let (mut start, mut count) = (0, items.len());
    loop {
        let part = &mut items[start..start + count];
        if count < 7 {
            return insert_each(part, compare);
        }
        let (less, greater) = partition(part, compare);
        let overlaps = |from: usize, to: usize| from < wanted.end && wanted.start < to;
        if less > 1 && overlaps(start, start + less) {
            let wanted = wanted.start.saturating_sub(start)..wanted.end.saturating_sub(start);
            sort_places(&mut items[start..start + less], &wanted, compare);
        }
        let end = start + count;
        if greater < 2 || !overlaps(end - greater, end) {
            return;
        }
        (start, count) = (end - greater, greater);
    }
}

fn insert_each<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && compare(&items[at - 1], &items[at]).is_gt() {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Moves what is less than a pivot to the front, and what is greater to the back; how many there are of each.
fn partition<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    let count = items.len();
    let pivot = pivot(items, compare);
    items.swap(0, pivot);
    // From the left to the right: equal, less, not seen yet, greater, equal.
    let (mut equal_left, mut less) = (1, 1);
    let (mut greater, mut equal_right) = (count, count);
    loop {
        while less < greater {
            match compare(&items[less], &items[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    items.swap(equal_left, less);
                    equal_left += 1;
                }
                Ordering::Less => {}
            }
            less += 1;
        }
        while less < greater {
            match compare(&items[greater - 1], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    equal_right -= 1;
                    items.swap(greater - 1, equal_right);
                }
                Ordering::Greater => {}
            }
            greater -= 1;
        }
        if less >= greater {
            break;
        }
        items.swap(less, greater - 1);
        less += 1;
        greater -= 1;
    }
    let (lesser, larger) = (less - equal_left, equal_right - greater);
    swap_blocks(items, 0, less - equal_left.min(lesser), equal_left.min(lesser));
    let moved = larger.min(count - equal_right);
    swap_blocks(items, less, count - moved, moved);
    (lesser, larger)
}

fn swap_blocks<T>(items: &mut [T], left: usize, right: usize, count: usize) {
    for at in 0..count {
        items.swap(left + at, right + at);
    }
}

/// The place of the middle one of three elements, or of the middle ones of nine.
fn pivot<T>(items: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let median = |a: usize, b: usize, c: usize| {
        let less = |left: usize, right: usize| compare(&items[left], &items[right]).is_lt();
        if less(a, b) {
            if less(b, c) {
                b
            } else if less(a, c) {
                c
            } else {
                a
            }
        } else if compare(&items[b], &items[c]).is_gt() {
            b
        } else if less(a, c) {
            a
        } else {
            c
        }
    };
    let count = items.len();
    let (first, middle, last) = (0, count / 2, count - 1);
    match count {
        ..=7 => middle,
        8..=40 => median(first, middle, last),
        _ => {
            let by = count / 8;
            let first = median(first, first + by, first + 2 * by);
            let middle = median(middle - by, middle, middle + by);
            let last = median(last - 2 * by, last - by, last);
            median(first, middle, last)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_full_sort_is_stable(keys in prop::collection::vec(0..8u8, 0..100)) {
            let items: Vec<_> = keys.into_iter().enumerate().map(|(at, key)| (key, at)).collect();
            let mut expected = items.clone();
            expected.sort();
            prop_assert_eq!(sort_all(items, &|left: &(u8, usize), right| left.0.cmp(&right.0)), expected);
        }

        #[test]
        fn the_wanted_places_are_sorted(keys in prop::collection::vec(0..40u8, 0..200), from in 0..100usize, count in 1..50usize) {
            let wanted = from.min(keys.len())..(from + count).min(keys.len());
            let mut items = keys.clone();
            sort_places(&mut items, &wanted, &|left: &u8, right| left.cmp(right));
            let mut expected = keys;
            expected.sort_unstable();
            prop_assert_eq!(&items[wanted.clone()], &expected[wanted]);
        }
    }
}
