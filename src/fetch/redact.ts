/**
 * A URL as it may be shown and logged: no user name, password, query string or fragment, since queries carry
 * signatures and tokens. What is no URL is cut in the same places.
 */
export function redactUrl(url: string | URL): string {
  const text = String(url);
  const cut = text.search(/[?#]/);
  const bare = cut === -1 ? text : text.slice(0, cut);
  // Up to the last @ before the path, as the WHATWG parser reads it; a password may hold an @ of its own.
  return bare.replace(/^([a-z][a-z0-9+.-]*:[\\/]{2})[^\\/]*@/i, "$1").replace(/[\t\n\r]/g, "");
}
