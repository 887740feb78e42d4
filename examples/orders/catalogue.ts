import { createRandom, type Random } from './random.ts';
import { dishes, familyNames, houseNames, houses, menNames, transliterate, womenNames } from './words.ts';

/** The shapes in which reference data is loaded. */
export type User = { _id: string; name: string; login: string };
export type Dish = { _id: string; name: string; price: number; category: string };
export type Restaurant = { _id: string; name: string; menu: Dish[] };
export type Catalogue = { users: User[]; restaurants: Restaurant[] };

export const defaultUsers = 3_000;
export const defaultRestaurants = 60;
const shortestMenu = 20;
const longestMenu = 40;

/** Guests and restaurants with their menus; the same for the same seed and sizes. */
export function makeCatalogue(seed: number, sizes: { users?: number; restaurants?: number } = {}): Catalogue {
  const random = createRandom(seed);
  const restaurants = Array.from({ length: sizes.restaurants ?? defaultRestaurants }, (_, index) =>
    makeRestaurant(random, index),
  );
  const users = Array.from({ length: sizes.users ?? defaultUsers }, (_, index) => makeUser(random, index));
  return { users, restaurants };
}

function makeUser(random: Random, index: number): User {
  const isWoman = random.chance(0.5);
  const first = random.pick(isWoman ? womenNames : menNames);
  const family = `${random.pick(familyNames)}${isWoman ? 'а' : ''}`;
  return {
    _id: random.key(),
    name: `${first} ${family}`,
    login: `${transliterate(first)}_${transliterate(family)}_${index + 1}`,
  };
}

function makeRestaurant(random: Random, index: number): Restaurant {
  const name = houseNames[index % houseNames.length]!;
  const house = houses[Math.floor(index / houseNames.length) % houses.length]!;
  const rest = [...dishes];
  const menu = Array.from({ length: random.between(shortestMenu, longestMenu) }, (): Dish => {
    const [[category, dish, about]] = rest.splice(random.between(0, rest.length - 1), 1) as [
      (typeof dishes)[number],
    ];
    const price = Math.round((about * random.between(80, 130)) / 500) * 5;
    return { _id: random.key(), name: dish, price, category };
  });
  return { _id: random.key(), name: `${house} «${name}»`, menu };
}
