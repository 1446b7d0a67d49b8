import type * as Yaml from "yaml";
import { indentQuoted } from "./indent-quoted.ts";
import type { YamlNode } from "./node.ts";

/** A document, or the first fault of a text that is none. Lines count from 0. */
export type YamlReading =
  | { readonly node: YamlNode; readonly fault?: undefined }
  | { readonly node?: undefined; readonly fault: { readonly line: number; readonly message: string } };

interface Copy {
  readonly yaml: typeof Yaml;
  readonly document: Yaml.Document;
  /** References share what they point to. */
  readonly known: Map<Yaml.Node, YamlNode>;
  lineAt(node: unknown, fallback: number): number;
}

function copyNode(copy: Copy, node: unknown, near: number): YamlNode {
  const { yaml, known } = copy;
  if (yaml.isAlias(node)) {
    const target = node.resolve(copy.document);
    if (target === undefined) throw new Error(`unknown anchor '${node.source}' referenced`);
    return copyNode(copy, target, near);
  }
  if (!yaml.isNode(node)) return { kind: "scalar", text: "", plain: true, line: near };
  const made = known.get(node);
  if (made) return made;
  const line = copy.lineAt(node, near);
  const keep = <T extends YamlNode>(value: T): T => {
    known.set(node, value);
    return value;
  };
  if (yaml.isSeq(node)) {
    const list = keep({ kind: "list", items: [] as YamlNode[], line });
    for (const item of node.items) list.items.push(copyNode(copy, item, line));
    return list;
  }
  if (yaml.isMap(node)) {
    const map = keep({ kind: "map", pairs: [] as { key: YamlNode; value: YamlNode }[], line });
    for (const { key, value } of node.items) {
      const name = copyNode(copy, key, line);
      map.pairs.push({ key: name, value: copyNode(copy, value, name.line) });
    }
    return map;
  }
  const scalar = node as Yaml.Scalar;
  const text = typeof scalar.value === "string" ? scalar.value : String(scalar.value ?? "");
  const tag = scalar.tag?.replace("tag:yaml.org,2002:", "");
  const plain = tag === undefined ? scalar.type === "PLAIN" : ["int", "float", "bool", "null"].includes(tag);
  return keep({ kind: "scalar", text, plain, line });
}

/** Reads any YAML document. Throws when it refers to what it does not contain. */
export async function readYaml(text: string, uniqueKeys: boolean): Promise<YamlReading> {
  const yaml = await import("yaml");
  let counter = new yaml.LineCounter();
  const parse = (source: string) =>
    yaml.parseDocument(source, {
      schema: "failsafe",
      prettyErrors: false,
      lineCounter: counter,
      uniqueKeys,
      logLevel: "silent",
    });
  let document = parse(text);
  for (let source: string | undefined = text; ; document = parse(source)) {
    const [first] = document.errors;
    const quote = /^Missing closing (['"])quote/.exec(first?.message ?? "")?.[1];
    source = first && quote && indentQuoted(source, quote, first.pos[0]);
    if (source === undefined || source === "") break;
    counter = new yaml.LineCounter();
  }
  const lineOf = (offset: number) => Math.max(0, counter.linePos(offset).line - 1);
  const [fault] = document.errors;
  if (fault) return { fault: { line: lineOf(fault.pos[0]), message: fault.message } };
  const lineAt = (node: unknown, near: number) => {
    const offset = yaml.isNode(node) ? node.range?.[0] : undefined;
    return offset === undefined ? near : lineOf(offset);
  };
  return { node: copyNode({ yaml, document, known: new Map(), lineAt }, document.contents, 0) };
}
