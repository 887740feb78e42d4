/** `admin` may do everything. */
export const roles = ['admin', 'collector', 'analyst', 'marketer', 'operator'] as const;
export type Role = (typeof roles)[number];

/** Who asks: a token's own facts, never its secret. */
export type Principal = { tokenId: string; name: string; roles: Role[]; placeId?: string };

/**
 * What a route declares about access. `bound` says what happens to a token bound to a place: `limited`
 * routes limit themselves to that place, `refused` ones answer 403.
 */
export type Access = { roles: readonly Role[] | 'open'; bound: 'limited' | 'refused' };

export function isRole(name: string): name is Role {
  return (roles as readonly string[]).includes(name);
}
