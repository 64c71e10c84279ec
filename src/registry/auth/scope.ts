/** What a token allows: resources such as `repository:team/app`, each with actions. (distribution, token/scope.md) */
export type Scopes = ReadonlyMap<string, ReadonlySet<string>>;

/** What is done with a repository. */
export type Action = "pull" | "push" | "delete";

const ACTIONS: Readonly<Record<Action, readonly string[]>> = {
  pull: ["pull"],
  // Whoever pushes looks first what is there.
  push: ["pull", "push"],
  delete: ["delete", "pull"],
};

export function repositoryScope(repository: string, action: Action): Scopes {
  return new Map([[`repository:${repository}`, new Set(ACTIONS[action])]]);
}

/** Reads the `scope` of a challenge: `type:name:action,action`, several with spaces. */
export function parseScopes(text: string): Scopes {
  return joinScopes(
    ...text.split(" ").map((part): Scopes => {
      const colon = part.lastIndexOf(":");
      if (colon <= 0) return new Map();
      return new Map([[part.slice(0, colon), new Set(part.slice(colon + 1).split(","))]]);
    }),
  );
}

export function joinScopes(...all: readonly Scopes[]): Scopes {
  const joined = new Map<string, Set<string>>();
  for (const scopes of all) {
    for (const [resource, actions] of scopes)
      joined.set(resource, new Set([...(joined.get(resource) ?? []), ...actions]));
  }
  return joined;
}

/** One text per resource, in a stable order: equal scopes, equal texts. */
export function formatScopes(scopes: Scopes): string[] {
  return [...scopes].map(([resource, actions]) => `${resource}:${[...actions].sort().join(",")}`).sort();
}
