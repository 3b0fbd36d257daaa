//! From samples to the points of a line.

/// A line between two gaps: time and value, ascending in time, at least one point.
pub(super) type Run = Vec<(i64, f64)>;

/// The parts of a series in a range of time. A value that is not finite is unknown. A line that crosses the range's
/// edge ends on it.
pub(super) fn runs(points: &[(i64, Option<f64>)], from_ms: i64, to_ms: i64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut run = Run::new();
    let mut before: Option<(i64, f64)> = None;
    for (at, value) in points {
        let point = value
            .filter(|value| value.is_finite())
            .map(|value| (*at, value.max(0.0)));
        let Some(point) = point else {
            before = None;
            runs.extend(Some(std::mem::take(&mut run)).filter(|run| !run.is_empty()));
            continue;
        };
        if let Some(before) = before {
            run.extend(
                [from_ms, to_ms]
                    .into_iter()
                    .filter_map(|edge| crossing(before, point, edge)),
            );
        }
        if (from_ms..=to_ms).contains(at) {
            run.push(point);
        }
        before = Some(point);
    }
    runs.extend(Some(run).filter(|run| !run.is_empty()));
    runs
}

/// Where the line between two points crosses a time that lies between them.
fn crossing(a: (i64, f64), b: (i64, f64), edge: i64) -> Option<(i64, f64)> {
    let inside = a.0 < edge && edge < b.0;
    inside.then(|| (edge, a.1 + (b.1 - a.1) * (edge - a.0) as f64 / (b.0 - a.0) as f64))
}

/// No more points than can be seen: of those in one column, the first, the lowest, the highest and the last.
pub(super) fn thin(run: Run, from_ms: i64, to_ms: i64, columns: u32) -> Run {
    if run.len() <= columns as usize * 4 {
        return run;
    }
    let span = (to_ms - from_ms).max(1);
    let column = |at: i64| i128::from(at - from_ms) * i128::from(columns) / i128::from(span);
    let mut thinned = Run::new();
    for group in run.chunk_by(|a, b| column(a.0) == column(b.0)) {
        let by_value = |a: &&(i64, f64), b: &&(i64, f64)| a.1.total_cmp(&b.1);
        let mut kept: Run = [
            group.first(),
            group.iter().min_by(by_value),
            group.iter().max_by(by_value),
            group.last(),
        ]
        .into_iter()
        .flatten()
        .copied()
        .collect();
        kept.sort_by_key(|(at, _)| *at);
        kept.dedup();
        thinned.extend(kept);
    }
    thinned
}

/// A run in parts that are drawn alike, and whether a part is guessed. Neighbours share a point; what leads to a guessed
/// point is as guessed as it.
pub(super) fn parts(run: &Run, guessed: &[(i64, i64)]) -> Vec<(bool, Run)> {
    let is_guessed = |at: i64| guessed.iter().any(|(from, to)| (*from..=*to).contains(&at));
    let mut parts: Vec<(bool, Run)> = Vec::new();
    for pair in run.windows(2) {
        let guess = is_guessed(pair[1].0);
        match parts.last_mut() {
            Some((last, part)) if *last == guess => part.push(pair[1]),
            _ => parts.push((guess, pair.to_vec())),
        }
    }
    parts
}

/// The dashes of a line, each with a gap of its length after it.
pub(super) fn dashes(line: &[(f64, f64)], dash: f64) -> Vec<Vec<(f64, f64)>> {
    let mut dashes: Vec<Vec<(f64, f64)>> = Vec::new();
    let (mut left, mut drawn) = (dash, true);
    for pair in line.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        if drawn && dashes.is_empty() {
            dashes.push(vec![from]);
        }
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let step = length.min(left);
            let share = if length > 0.0 { step / length } else { 1.0 };
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            if let Some(last) = dashes.last_mut().filter(|_| drawn) {
                last.push(from);
            }
            left -= step;
            if step < length || left <= 0.0 {
                drawn = !drawn;
                left = dash;
                if drawn {
                    dashes.push(vec![from]);
                }
            }
            if step >= length {
                break;
            }
        }
    }
    dashes.retain(|dash| dash.len() > 1);
    dashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_values_break_a_line() {
        let points = [
            (0, Some(1.0)),
            (10, None),
            (20, Some(2.0)),
            (30, Some(f64::NAN)),
            (40, Some(-1.0)),
            (50, Some(4.0)),
        ];
        assert_eq!(
            runs(&points, 0, 50),
            [vec![(0, 1.0)], vec![(20, 2.0)], vec![(40, 0.0), (50, 4.0)]]
        );
        assert_eq!(runs(&points, 60, 70), Vec::<Run>::new());
        assert_eq!(runs(&[(0, None)], 0, 10), Vec::<Run>::new());
    }

    #[test]
    fn a_line_ends_on_the_edge_that_it_crosses() {
        let points = [(0, Some(0.0)), (10, Some(10.0)), (20, Some(20.0))];
        assert_eq!(runs(&points, 5, 15), [vec![(5, 5.0), (10, 10.0), (15, 15.0)]]);
        assert_eq!(runs(&points, 2, 8), [vec![(2, 2.0), (8, 8.0)]]);
    }

    #[test]
    fn thinning_keeps_every_peak() {
        let run: Run = (0..100_000)
            .map(|at| {
                (
                    at,
                    if at == 54_321 {
                        9.0
                    } else {
                        f64::from(at as u32 % 3)
                    },
                )
            })
            .collect();
        let thinned = thin(run.clone(), 0, 100_000, 500);
        assert!(thinned.len() <= 2_000, "{}", thinned.len());
        assert!(thinned.contains(&(54_321, 9.0)));
        assert!(thinned.is_sorted_by_key(|(at, _)| *at));
        assert_eq!((thinned.first(), thinned.last()), (run.first(), run.last()));
        let short: Run = vec![(0, 1.0), (1, 2.0)];
        assert_eq!(thin(short.clone(), 0, 1, 500), short);
    }

    #[test]
    fn what_is_guessed_is_a_part_of_its_own() {
        let run: Run = (0..5).map(|at| (at * 10, at as f64)).collect();
        let found: Vec<(bool, Vec<i64>)> = parts(&run, &[(20, 30)])
            .into_iter()
            .map(|(guess, part)| (guess, part.iter().map(|(at, _)| *at).collect()))
            .collect();
        assert_eq!(
            found,
            [
                (false, vec![0, 10]),
                (true, vec![10, 20, 30]),
                (false, vec![30, 40])
            ]
        );
        assert_eq!(parts(&run, &[]), [(false, run.clone())]);
    }

    #[test]
    fn dashes_go_round_corners() {
        let line = [(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)];
        let found = dashes(&line, 2.0);
        assert_eq!(
            found,
            [
                vec![(0.0, 0.0), (2.0, 0.0)],
                vec![(4.0, 0.0), (5.0, 0.0), (5.0, 1.0)],
                vec![(5.0, 3.0), (5.0, 5.0)],
            ]
        );
        assert_eq!(dashes(&[(1.0, 1.0), (1.0, 1.0)], 2.0).len(), 1);
        assert!(dashes(&[], 2.0).is_empty());
    }
}
