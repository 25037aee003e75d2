// Questions to the aggregator that served this page.

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.error?.message ?? `the aggregator answered ${status}`);
    this.status = status;
    this.code = body?.error?.code;
    this.cure = body?.error?.cure;
  }
}

/** Parameters without the empty ones, as a query. Lists are repeated. */
export function query(parameters) {
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") pairs.append(key, one);
    }
  }
  const text = pairs.toString();
  return text ? `?${text}` : "";
}

/** Where to log in, and to come back from. */
export function logIn() {
  location.replace(`/login${query({ next: `/${location.hash}` })}`);
}

async function answer(response) {
  if (response.status === 401) logIn();
  if (response.ok) return response.status === 204 ? null : response.json();
  if (response.status === 401) {
    const here = location.pathname + location.search + location.hash;
    location.replace(`/login?next=${encodeURIComponent(here)}`);
  }
  throw new ApiError(response.status, await response.json().catch(() => null));
}

/** GET as JSON. */
export const get = async (path, parameters, signal) =>
  answer(await fetch(path + query(parameters), { signal, headers: { Accept: "application/json" } }));

/** A request with a JSON or binary body. */
export async function send(method, path, body, { parameters, signal, type } = {}) {
  const json = !(body instanceof Blob);
  return answer(await fetch(path + query(parameters), {
    method, signal, body: body === undefined ? undefined : json ? JSON.stringify(body) : body,
    headers: body === undefined ? {} : { "Content-Type": type ?? (json ? "application/json" : body.type || "application/octet-stream") },
  }));
}

/** Who is asking: {name, role}; null where nobody needs to say. */
export async function session() {
  return (await has("GET", "/api/session")) ? get("/api/session") : null;
}

/** Whether an address is served here at all (a newer page may meet an older aggregator). */
let served;
export async function has(method, path) {
  served ??= get("/api/openapi.json").then((document) => document.paths).catch(() => ({}));
  return Boolean((await served)[path]?.[method.toLowerCase()]);
}
