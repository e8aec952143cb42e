/** Addresses as people read them. Pure. */

/** Returns a part of an address without its escapes; null if they are no UTF-8 (RFC 3986, 2.5). */
export function decodePart(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** Returns a path as a person would write it, or as it is if its escapes are no UTF-8. */
export function readablePath(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
