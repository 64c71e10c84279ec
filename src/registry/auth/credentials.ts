/** How to prove to a registry who one is. `from` names the file or helper that said so, for messages. */
export type RegistryCredentials = { readonly from: string } & (
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** A refresh token: exchanged at the token server for tokens that the registry takes. */
  | { readonly kind: "identity-token"; readonly token: string }
  /** Sent to the registry as it is. */
  | { readonly kind: "registry-token"; readonly token: string }
);

/** Asked when a registry wants credentials; undefined: there are none. */
export type CredentialLookup = (
  registry: string,
  repository: string,
) => Promise<RegistryCredentials | undefined>;

/** The texts that must be in no message. */
export function secretsOf(credentials: RegistryCredentials): string[] {
  if (credentials.kind !== "password") return [credentials.token];
  const { username, password } = credentials;
  return [password, Buffer.from(`${username}:${password}`, "utf8").toString("base64")];
}
