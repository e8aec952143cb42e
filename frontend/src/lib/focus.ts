/** Finds an element of a page again after the page was left and is shown anew. */

export interface FocusPlace {
  selector: string;
  /** Its number among the elements that the selector finds. */
  place: number;
}

/** Returns where a focused link, field or button is; null if it cannot be found again. */
export function focusPlace(element: Element | null): FocusPlace | null {
  const selector = element ? selectorOf(element) : null;
  if (!element || !selector) return null;
  const place = [...document.querySelectorAll(selector)].indexOf(element);
  return place < 0 ? null : { selector, place };
}

/** Returns the element at this place, if the page still has it. */
export function focusedElement(place: FocusPlace | null): HTMLElement | null {
  const found = place ? document.querySelectorAll(place.selector)[place.place] : null;
  return found instanceof HTMLElement ? found : null;
}

function selectorOf(element: Element): string | null {
  const tag = element.tagName.toLowerCase();
  for (const name of ["id", "href", "name"]) {
    const value = element.getAttribute(name);
    if (value) return `${tag}[${name}="${CSS.escape(value)}"]`;
  }
  return tag === "button" || tag === "summary" ? tag : null;
}
