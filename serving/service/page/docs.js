// Lists the operations of /openapi.json.
import { ask } from "./client.js";

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

function fields(description, operation) {
  const parameters = (operation.parameters ?? []).map(({ name, required, description: text }) =>
    [name, required, text]);
  const content = Object.values(operation.requestBody?.content ?? {})[0];
  const named = content?.schema?.$ref?.split("/").pop();
  const schema = named ? description.components.schemas[named] : content?.schema;
  const body = Object.entries(schema?.properties ?? {}).map(([name, field]) =>
    [name, (schema.required ?? []).includes(name), field.description]);
  return [...parameters, ...body];
}

function shown(description, method, path, operation) {
  const made = element("div", "", "operation");
  const title = element("h3");
  title.append(element("span", method.toUpperCase(), "method"), path);
  const list = element("ul");
  for (const [name, required, text] of fields(description, operation)) {
    const item = element("li");
    item.append(element("code", name), required ? " (required)" : "", text ? `: ${text}` : "");
    list.append(item);
  }
  made.append(title, element("p", operation.description ?? ""), list);
  return made;
}

const description = await ask("/openapi.json");
const sections = new Map();
for (const [path, operations] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    const [tag] = operation.tags;
    if (!sections.has(tag)) {
      const section = element("section");
      section.append(element("h2", tag));
      sections.set(tag, section);
    }
    sections.get(tag).append(shown(description, method, path, operation));
  }
}
document.querySelector("#operations").append(...sections.values());
