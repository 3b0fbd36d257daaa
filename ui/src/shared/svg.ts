/**
 * Charts arrive as SVG text and are put into the page as elements, so that they scale and their words take the
 * window's font. Only shapes and words are let in: no scripts, no links, no styles, nothing that is fetched.
 */

const ELEMENTS = new Set([
  "svg", "g", "defs", "clippath", "path", "line", "polyline", "polygon", "rect", "circle", "ellipse", "text", "tspan", "title", "desc",
  "lineargradient", "radialgradient", "stop",
]);
const ATTRIBUTES = new Set([
  "viewbox", "width", "height", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "dx", "dy", "d", "points", "transform", "id",
  "fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
  "opacity", "font-family", "font-size", "font-weight", "font-style", "text-anchor", "dominant-baseline", "clip-path", "offset", "stop-color",
  "stop-opacity", "gradientunits", "preserveaspectratio", "xml:space", "role", "aria-label",
]);
const SVG = "http://www.w3.org/2000/svg";
/** A chart's text; more is no chart. */
const SVG_CHARS_MAX = 4_000_000;

/** The cleaned element, or null where the text is no SVG. */
export function sanitize(text: string): SVGSVGElement | null {
  if (text.length > SVG_CHARS_MAX) return null;
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  if (root.localName !== "svg" || root.namespaceURI !== SVG || parsed.querySelector("parsererror")) return null;
  clean(root);
  return document.importNode(root, true) as unknown as SVGSVGElement;
}

function clean(element: Element): void {
  for (const { name, value } of [...element.attributes]) {
    const plain = name.toLowerCase();
    // A reference may only point into the drawing itself.
    const leads = /url\(\s*['"]?(?!#)/i.test(value) || /^\s*(javascript|data):/i.test(value);
    if (!ATTRIBUTES.has(plain) || leads) element.removeAttribute(name);
  }
  for (const child of [...element.children]) {
    if (child.namespaceURI === SVG && ELEMENTS.has(child.localName.toLowerCase())) clean(child);
    else child.remove();
  }
}
