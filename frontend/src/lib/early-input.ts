/** What a reader typed or chose before the script of the page ran. */

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

interface EarlyInput {
  field: Field;
  value: string;
  isChecked: boolean;
}

/**
 * Returns the fields of the document that differ from what the server sent.
 *
 * To be called before the components take over the document: they set each field to the value of
 * its property, and the reader's letters would be lost.
 */
export function earlyInput(): EarlyInput[] {
  const fields = document.querySelectorAll<Field>("input:not([type=hidden]), select, textarea");
  return [...fields].filter(isChanged).map((field) => ({
    field,
    value: field.value,
    isChecked: field instanceof HTMLInputElement && field.checked,
  }));
}

/** Sets the fields again, with the events of somebody who types or chooses. */
export function restoreInput(early: EarlyInput[]): void {
  for (const { field, value, isChecked } of early) {
    if (!field.isConnected) continue;
    if (isChoice(field)) field.checked = isChecked;
    else field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    // A text changes when its field is left.
    if (!isText(field)) field.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

function isChoice(field: Field): field is HTMLInputElement {
  return field instanceof HTMLInputElement && /^(checkbox|radio)$/.test(field.type);
}

function isText(field: Field): boolean {
  return !(field instanceof HTMLSelectElement) && !isChoice(field) && field.type !== "range";
}

function isChanged(field: Field): boolean {
  if (field instanceof HTMLSelectElement) {
    const options = [...field.options];
    const sent = options.find((option) => option.defaultSelected) ?? options[0];
    return field.value !== (sent?.value ?? "");
  }
  // Of two radio buttons, the one that was left needs nothing.
  if (isChoice(field)) {
    return field.checked !== field.defaultChecked && (field.checked || field.type === "checkbox");
  }
  return field.value !== field.defaultValue;
}
