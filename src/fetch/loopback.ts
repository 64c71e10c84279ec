/** Host names that only this machine can have; an IPv6 address with or without its brackets. (RFC 6761 §6.3) */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(hostname);
}
