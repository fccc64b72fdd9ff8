// SPDX-License-Identifier: MIT
// Just enough C reading for the tidy rules: text without comments and literals, and where functions begin and end.

/** Blanks comments and the insides of literals; every line keeps its number. @param {string} text */
export function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, (found) => {
    if (found.startsWith("/")) return found.replace(/[^\n]/g, " ");
    return found[0] + " ".repeat(Math.max(found.length - 2, 0)) + found[0];
  });
}

/** Blanks preprocessor lines with their continuations. @param {string} text */
function withoutDirectives(text) {
  return text.replace(/^[ \t]*#(?:[^\n\\]|\\[\s\S])*/gm, (found) => found.replace(/[^\n]/g, " "));
}

/**
 * The function definitions of a file, from the line of the opening brace's signature to the closing brace. A brace
 * at the top level opens a function when a `)` stands before it; tables and types do not.
 * @param {string} text @returns {{ name: string, line: number, lines: number }[]}
 */
export function cFunctions(text) {
  const plain = withoutDirectives(withoutComments(text));
  const found = [];
  let depth = 0;
  let line = 1;
  let head = ""; // what stands at the top level since the last `;` or `}`
  let open = { name: "", line: 0 };
  for (const char of plain) {
    if (char === "\n") line += 1;
    if (char === "{") {
      if (depth === 0) {
        const signature = head.trim();
        const isFunction = signature.endsWith(")") && !signature.includes("=");
        const lines = isFunction ? head.slice(head.indexOf(signature)).split("\n").length - 1 : 0;
        open = { name: isFunction ? (/(\w+)\s*\(/.exec(signature)?.[1] ?? "?") : "", line: line - lines };
      }
      depth += 1;
    } else if (char === "}") {
      depth -= 1;
      if (depth === 0) {
        if (open.name) found.push({ name: open.name, line: open.line, lines: line - open.line + 1 });
        head = "";
        continue;
      }
    }
    if (depth === 0) head = char === ";" ? "" : head + char;
  }
  return found;
}
