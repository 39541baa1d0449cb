//! How well a document fits: TF-IDF as RediSearch documents it.
//!
//! Each occurrence of a term counts the more the fewer documents have the term. The sum is divided by the highest
//! frequency of a term in the document, and by the distance of the words of the query from each other.

/// What an occurrence of a term counts that `having` of `all` documents have: the whole part of a logarithm to base 2.
pub(super) fn inverse_document_frequency(all: usize, having: usize) -> f64 {
    (1.0 + all as f64 / having.max(1) as f64).log2().floor()
}

/// How far the words stand apart, given the places of each word: the root of the sum of the squared least distances
/// of neighbours, and 1 where it cannot be said.
pub(super) fn slop(places: &[&[u32]]) -> f64 {
    let placed: Vec<&[u32]> = places.iter().copied().filter(|places| !places.is_empty()).collect();
    let squares: f64 = placed.windows(2).map(|pair| f64::from(least_distance(pair[0], pair[1])).powi(2)).sum();
    if squares > 0.0 { squares.sqrt() } else { 1.0 }
}

/// The least distance of a place in one list from one in the other. Both rise, and neither is empty.
fn least_distance(left: &[u32], right: &[u32]) -> u32 {
    let (mut at_left, mut at_right, mut least) = (0, 0, u32::MAX);
    while let (Some(&from), Some(&to)) = (left.get(at_left), right.get(at_right)) {
        least = least.min(from.abs_diff(to));
        if from < to { at_left += 1 } else { at_right += 1 }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_terms_count_more() {
        assert_eq!(inverse_document_frequency(1, 1), 1.0);
        assert_eq!(inverse_document_frequency(100, 1), 6.0);
        assert_eq!(inverse_document_frequency(100, 100), 1.0);
        assert_eq!(inverse_document_frequency(0, 0), 0.0);
    }

    #[test]
    fn distance_is_that_of_the_nearest_neighbours() {
        assert_eq!(slop(&[&[1], &[2]]), 1.0);
        assert_eq!(slop(&[&[1, 9], &[5, 12]]), 3.0);
        assert_eq!(slop(&[&[1], &[4], &[8]]), 5.0);
        assert_eq!(slop(&[&[1], &[]]), 1.0);
        assert_eq!(slop(&[]), 1.0);
    }
}
