// How the page talks to its own service. The token stays in this variable.
let token = "";

export function useToken(text) {
  token = text.trim();
}

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// The JSON of an answer; throws Refused with the service's own words.
export async function ask(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused("The service cannot be reached, or the files are too large for it.", 0);
  }
  const content = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Refused(content.error || `The service answered ${response.status}.`, response.status);
  }
  return content;
}
