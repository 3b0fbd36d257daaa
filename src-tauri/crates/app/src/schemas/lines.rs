//! Two texts line by line: the shortest way from one to the other (E. Myers, "An O(ND) Difference Algorithm").

use std::ops::Range;

/// Lines that may be removed and added before the way is given up; then what lies between the common beginning and the
/// common end counts as one change. The memory taken is its square.
const STEPS_MAX: usize = 2_000;

/// A run of lines that are the same, or that are removed on the left and added on the right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    Same { left: Range<usize>, right: Range<usize> },
    Changed { left: Range<usize>, right: Range<usize> },
}

/// The runs from one text to the other, in order; together they are both texts, whole.
pub fn runs(left: &[&str], right: &[&str]) -> Vec<Run> {
    let common = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (a, b) = (&left[common..], &right[common..]);
    let after = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (a, b) = (&a[..a.len() - after], &b[..b.len() - after]);
    let mut kept: Vec<(usize, usize)> = (0..common).map(|at| (at, at)).collect();
    kept.extend(matches(a, b).into_iter().map(|(x, y)| (x + common, y + common)));
    let (left_end, right_end) = (left.len() - after, right.len() - after);
    kept.extend((0..after).map(|at| (left_end + at, right_end + at)));
    grouped(&kept, left.len(), right.len())
}

fn grouped(kept: &[(usize, usize)], left: usize, right: usize) -> Vec<Run> {
    let mut runs = Vec::new();
    let (mut x, mut y) = (0, 0);
    for &(at_left, at_right) in kept.iter().chain([&(left, right)]) {
        if x < at_left || y < at_right {
            runs.push(Run::Changed {
                left: x..at_left,
                right: y..at_right,
            });
        }
        if at_left < left && at_right < right {
            match runs.last_mut() {
                Some(Run::Same { left, right }) => (left.end, right.end) = (at_left + 1, at_right + 1),
                _ => runs.push(Run::Same {
                    left: at_left..at_left + 1,
                    right: at_right..at_right + 1,
                }),
            }
        }
        (x, y) = (at_left + 1, at_right + 1);
    }
    runs
}

/// Pairs of lines that are kept; none when the texts have too little in common.
fn matches(a: &[&str], b: &[&str]) -> Vec<(usize, usize)> {
    let steps_max = (a.len() + b.len()).min(STEPS_MAX);
    let at = |k: isize| (k + steps_max as isize + 1) as usize;
    // By diagonal, how far on the left.
    let mut far = vec![0usize; 2 * steps_max + 3];
    let mut trail: Vec<Vec<usize>> = Vec::new();
    for steps in 0..=steps_max as isize {
        for k in (-steps..=steps).step_by(2) {
            let down = k == -steps || (k != steps && far[at(k - 1)] < far[at(k + 1)]);
            let mut x = if down { far[at(k + 1)] } else { far[at(k - 1)] + 1 };
            let Ok(mut y) = usize::try_from(x as isize - k) else {
                continue;
            };
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            far[at(k)] = x;
            if x >= a.len() && y >= b.len() {
                return walk_back(&trail, a.len(), b.len(), steps);
            }
        }
        // Only the diagonals that were reached are looked at again.
        trail.push(far[at(-steps)..=at(steps)].to_vec());
    }
    Vec::new()
}

fn walk_back(trail: &[Vec<usize>], x: usize, y: usize, steps: isize) -> Vec<(usize, usize)> {
    let (mut x, mut y) = (x as isize, y as isize);
    let mut kept = Vec::new();
    for steps in (0..=steps).rev() {
        let k = x - y;
        let before = steps
            .checked_sub(1)
            .and_then(|at| trail.get(usize::try_from(at).ok()?));
        let far = |k: isize| -> isize {
            let Some(before) = before else { return 0 };
            let at = k + (steps - 1);
            usize::try_from(at)
                .ok()
                .and_then(|at| before.get(at))
                .map_or(-1, |x| *x as isize)
        };
        let down = k == -steps || (k != steps && far(k - 1) < far(k + 1));
        let k_before = if down { k + 1 } else { k - 1 };
        let (x_before, y_before) = match steps {
            0 => (0, 0),
            _ => (far(k_before), far(k_before) - k_before),
        };
        let stop = match steps {
            0 => 0,
            _ => x_before + isize::from(!down),
        };
        while x > stop && x > 0 && y > 0 {
            (x, y) = (x - 1, y - 1);
            kept.push((x as usize, y as usize));
        }
        (x, y) = (x_before, y_before);
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both texts come out of the runs, what is kept is the same on both sides, and so much of it.
    fn check(left: &str, right: &str, kept: usize) {
        let (a, b): (Vec<&str>, Vec<&str>) = (left.split(' ').collect(), right.split(' ').collect());
        let (mut x, mut y, mut same) = (0, 0, 0);
        for run in runs(&a, &b) {
            let (left, right, equal) = match run {
                Run::Same { left, right } => (left, right, true),
                Run::Changed { left, right } => (left, right, false),
            };
            assert_eq!((left.start, right.start), (x, y));
            if equal {
                assert_eq!(a[left.clone()], b[right.clone()]);
                same += left.len();
            }
            (x, y) = (left.end, right.end);
        }
        assert_eq!((x, y, same), (a.len(), b.len(), kept), "{left} / {right}");
    }

    /// The length of the longest common subsequence, the slow way.
    fn longest(a: &[&str], b: &[&str]) -> usize {
        let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
        for (x, left) in a.iter().enumerate() {
            for (y, right) in b.iter().enumerate() {
                rows[x + 1][y + 1] = match left == right {
                    true => rows[x][y] + 1,
                    false => rows[x + 1][y].max(rows[x][y + 1]),
                };
            }
        }
        rows[a.len()][b.len()]
    }

    #[test]
    fn what_is_kept_is_kept() {
        check("a b c", "a b c", 3);
        check("a b c", "a x c", 2);
        check("a b c", "c", 1);
        check("a", "b", 0);
        check("a b c a b b a", "c b a b a c", 4);
        check("a b", "x a b y", 2);
    }

    #[test]
    fn the_way_is_the_shortest() {
        // A small generator with a fixed beginning.
        let mut seed = 7u64;
        let mut next = |below: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..400 {
            let mut text = |count: u64| {
                (0..count)
                    .map(|_| ["a", "b", "c", "d"][next(4) as usize])
                    .collect::<Vec<_>>()
            };
            let (left, right) = (text(9), text(11));
            check(&left.join(" "), &right.join(" "), longest(&left, &right));
        }
    }

    #[test]
    fn texts_with_nothing_in_common_end_soon() {
        let text = |sign: &str| (0..5_000).map(|at| format!("{sign}{at}")).collect::<Vec<_>>();
        let (a, b) = (text("a"), text("b"));
        let (a, b): (Vec<&str>, Vec<&str>) = (
            a.iter().map(String::as_str).collect(),
            b.iter().map(String::as_str).collect(),
        );
        assert_eq!(
            runs(&a, &b),
            [Run::Changed {
                left: 0..5_000,
                right: 0..5_000
            }]
        );
        assert_eq!(runs(&[], &[]), []);
    }
}
