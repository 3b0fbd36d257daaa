import { HighlightStyle } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

/** Colours are tokens, so one definition serves both themes. */
export const highlight = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.typeName], color: "var(--violet)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--accent)" },
  { tag: [tags.number], color: "var(--warn)" },
  { tag: [tags.bool, tags.null], color: "var(--violet)" },
  { tag: [tags.function(tags.variableName), tags.standard(tags.name)], color: "var(--info)" },
  { tag: [tags.comment], color: "var(--faint)" },
]);

const shared = {
  "&": { backgroundColor: "var(--field)", color: "var(--ink)", fontSize: "12px", height: "100%" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontFeatureSettings: '"calt" 0, "liga" 0', overflow: "auto" },
  ".cm-content": { caretColor: "var(--accent)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--accent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection": { backgroundColor: "var(--select)" },
  ".cm-placeholder": { color: "var(--faint)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--select)", color: "inherit" },
  // WebKit knows the parts of a decoration, not the whole in one.
  ".cm-lintRange-error": { backgroundImage: "none", textDecorationLine: "underline", textDecorationStyle: "wavy", textDecorationColor: "var(--bad)", textUnderlineOffset: "3px" },
  ".cm-tooltip": { border: "1px solid var(--line-strong)", borderRadius: "8px", backgroundColor: "var(--raised)", color: "var(--ink)", boxShadow: "var(--shadow)", overflow: "hidden" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12px", maxHeight: "260px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "2px 8px", lineHeight: "20px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--select)", color: "var(--ink)" },
  ".cm-completionDetail": { marginLeft: "12px", color: "var(--mute)", fontStyle: "normal" },
  ".cm-completionMatchedText": { color: "var(--accent)", textDecoration: "none" },
  ".cm-diagnostic": { padding: "4px 8px", borderLeft: "2px solid var(--bad)", fontFamily: "var(--font)", fontSize: "12px", maxWidth: "480px", whiteSpace: "pre-wrap" },
};

export const multiLine = EditorView.theme({
  ...shared,
  ".cm-scroller": { ...shared[".cm-scroller"], lineHeight: "19px" },
  ".cm-content": { ...shared[".cm-content"], padding: "8px 0" },
  ".cm-gutters": { backgroundColor: "var(--field)", color: "var(--faint)", border: "none", minWidth: "36px" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 45%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--ink)" },
});

export const singleLine = EditorView.theme({
  ...shared,
  ".cm-scroller": { ...shared[".cm-scroller"], lineHeight: "24px", overflow: "hidden" },
  ".cm-content": { ...shared[".cm-content"], padding: "0" },
  ".cm-line": { padding: "0 8px" },
});
