/**
 * The server's rules for what people make up, to say at once what it would refuse. Each returns the key of what is wrong, or undefined. The server
 * decides; what it refuses nevertheless is shown in the same place.
 */

export const maxDisplayName = 64;

/** Characters as people count them in rules: code points. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

export function usernameProblem(username: string): string | undefined {
  if (/^[a-z0-9][a-z0-9_.-]{2,31}$/i.test(username)) return undefined;
  if (username.length < 3) return "auth.rule.usernameShort";
  if (username.length > 32) return "auth.rule.usernameLong";
  return "auth.rule.usernameCharacters";
}

export function passwordProblem(password: string): string | undefined {
  const length = lengthOf(password);
  if (length < 8) return "auth.rule.passwordShort";
  return length > 256 ? "auth.rule.passwordLong" : undefined;
}

export function displayNameProblem(name: string): string | undefined {
  const trimmed = name.trim();
  if (trimmed === "") return "auth.rule.nameMissing";
  return lengthOf(trimmed) > maxDisplayName ? "auth.rule.nameLong" : undefined;
}
