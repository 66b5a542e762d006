// Requests to the server that this page came from.

const TOKEN_KEY = "gossamer-token";

let token = storedToken();

/** An answer that is an error. `isRefused`: a token is missing or wrong. */
export class RequestError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
    this.isRefused = status === 401 || status === 403;
  }
}

/** A number for a message: the same one when it is sent again. */
export function newId() {
  // `crypto.randomUUID` is absent where the page is served without TLS on another machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function storedToken() {
  try {
    return sessionStorage.getItem(TOKEN_KEY);
  } catch {
    return null; // Storage is forbidden here.
  }
}

/** Keep a token until the browser's tab is closed. */
export function keepToken(given) {
  token = given;
  try {
    sessionStorage.setItem(TOKEN_KEY, given);
  } catch {
    // Storage is forbidden here: it holds until the page is left.
  }
}

/** Take the token from this page's address, `/?token=...`, and from sight. */
export function takeTokenFromAddress() {
  const address = new URL(location.href);
  const given = address.searchParams.get("token");
  if (given === null) return;
  keepToken(given);
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

/** Say a text in a conversation: what was said, understood and done. */
export function say(conversation, text, messageId) {
  return request("POST", `/conversations/${encodeURIComponent(conversation)}/turns`, {
    text,
    message_id: messageId,
  });
}

/** A conversation as it is stored: `events` and `slots` among other things. */
export function tracker(conversation) {
  const id = encodeURIComponent(conversation);
  return request("GET", `/conversations/${id}/tracker?include_events=ALL`);
}

/**
 * Do a request with the token, if there is one.
 *
 * @param {string} method
 * @param {string} path
 * @param {*} [body]  becomes JSON
 * @param {{headers?: Object, signal?: AbortSignal}} [options]
 * @returns {Promise<*>} the answer's JSON; null for an answer without content
 */
export async function request(method, path, body, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    response = await fetch(path, { method, headers, body: sent, signal: options.signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError("The server cannot be reached.");
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    const message = answer?.message ?? `The server answered with status ${response.status}`;
    throw new RequestError(asSentence(String(message)), response.status);
  }
  if (answer === null) throw new RequestError("The server's answer is no JSON.", response.status);
  return answer;
}

function asSentence(text) {
  const isNameFirst = /^\S*[./_]\w/.test(text); // "data/nlu.yml:3: …" keeps its first letter
  const begun = isNameFirst ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
