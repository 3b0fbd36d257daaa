//! What commands answer of identity: the graph, merges and their undo, what would be deleted.

use serde_json::{Map, Value};
use tailrace_engine::session::Screen as _;
use tailrace_model::api::{
    ChangeLine, GraphOrigin, KindValue, Merge, MergeSide, MergeUndoPreview, MergeUndone, PersonChanged,
    PersonPreview, ProfileEvents, ProfileGraph, TraitChange, TraitHistory,
};

use super::PeopleMasks;

impl PeopleMasks {
    /// A text that lists identifiers: `user_id=u_1, email=…`, whatever stands before and between.
    pub(super) fn evidence(&self, text: &str) -> String {
        let pairs = text.split(", ").filter_map(|pair| {
            let Some((kind, value)) = pair.split_once('=') else {
                return Some(self.free(pair));
            };
            let value = self.cell("profiles", kind, value)?;
            Some(format!("{kind}={value}"))
        });
        pairs.collect::<Vec<String>>().join(", ")
    }

    pub fn events(&self, page: &mut ProfileEvents) {
        for event in &mut page.events {
            event.properties = self.free(&event.properties);
        }
    }

    pub fn history(&self, history: &mut TraitHistory) {
        let shown = |change: TraitChange| {
            let value = serde_json::from_str(&change.value).unwrap_or(Value::Null);
            let told = self.json(Value::Object(Map::from_iter([(change.name.clone(), value)])));
            let (name, value) = match told {
                Value::Object(fields) => fields.into_iter().next()?,
                _ => return None,
            };
            Some(TraitChange {
                name,
                value: value.to_string(),
                ..change
            })
        };
        let changes = std::mem::take(&mut history.changes).into_iter();
        history.changes = changes.filter_map(shown).collect();
    }

    pub fn graph(&self, graph: &mut ProfileGraph) {
        for GraphOrigin { identifiers, .. } in &mut graph.origins {
            identifiers.retain_mut(|it| match self.cell("profiles", &it.kind, &it.value) {
                Some(value) => {
                    it.value = value;
                    true
                }
                None => false,
            });
        }
        for tie in &mut graph.ties {
            tie.evidence = self.evidence(&tie.evidence);
        }
    }

    fn identifiers(&self, identifiers: &mut Vec<KindValue>) {
        identifiers.retain_mut(|it| match self.cell("profiles", &it.kind, &it.value) {
            Some(value) => {
                it.value = value;
                true
            }
            None => false,
        });
    }

    pub fn merge(&self, merge: &mut Merge) {
        merge.evidence = self.evidence(&merge.evidence);
        self.identifiers(&mut merge.survivor_before);
        self.identifiers(&mut merge.merged_before);
    }

    fn side(&self, side: &mut MergeSide) {
        self.summary(&mut side.profile);
        self.identifiers(&mut side.identifiers);
    }

    pub fn undone(&self, undone: &mut MergeUndone) {
        self.side(&mut undone.stays);
        self.side(&mut undone.leaves);
    }

    pub fn undo_preview(&self, preview: &mut MergeUndoPreview) {
        self.merge(&mut preview.merge);
        self.summary(&mut preview.together);
        self.side(&mut preview.stays);
        self.side(&mut preview.leaves);
        self.lines(&mut preview.lines);
    }

    fn lines(&self, lines: &mut [ChangeLine]) {
        for line in lines {
            line.what = self.evidence(&line.what);
            for text in [&mut line.before, &mut line.after, &mut line.note] {
                *text = text.take().map(|text| self.evidence(&text));
            }
        }
    }

    pub fn person_preview(&self, preview: &mut PersonPreview) {
        self.lines(&mut preview.lines);
    }

    pub fn person_changed(&self, changed: &mut PersonChanged) {
        self.lines(&mut changed.lines);
    }
}
