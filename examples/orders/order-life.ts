import type { Catalogue, Restaurant, User } from './catalogue.ts';
import type { Random } from './random.ts';

export type Status = 'OPEN' | 'COOKING' | 'DELIVERING' | 'CLOSED' | 'CANCELLED';

/** One message about an order: everything as it is at that moment. */
export type OrderMessage = {
  object_id: number;
  object_type: 'order';
  sent_dttm: string;
  payload: {
    restaurant: { id: string };
    date: string;
    user: { id: string };
    order_items: { id: string; name: string; price: number; quantity: number }[];
    bonus_payment: number;
    cost: number;
    payment: number;
    bonus_grant: number;
    statuses: { status: Status; dttm: string }[];
    final_status: Status;
    update_ts: string;
    payment_method?: string;
    tips_amount?: number;
    nds_amount?: number;
  };
};

export type Arriving = { arrivesMs: number; message: OrderMessage };

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const paymentMethods = ['card', 'cash', 'sbp'];
/** VAT of 20 %, inside the price. */
const vatShare = 20 / 120;

/** `2024-03-04 12:34:56` of a clock without a zone, counted as UTC. */
export function written(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

type Step = { status: Status; atMs: number };

/** What an order goes through. Some are cancelled before they are closed, some after; some end within one second. */
function makeSteps(random: Random, openedMs: number): Step[] {
  const steps: Step[] = [{ status: 'OPEN', atMs: openedMs }];
  const go = (status: Status, low: number, high: number) =>
    steps.push({ status, atMs: steps.at(-1)!.atMs + random.between(low, high) });
  const isCancelledEarly = random.chance(0.04);
  if (isCancelledEarly && random.chance(0.5)) {
    go('CANCELLED', minuteMs, 20 * minuteMs);
    return steps;
  }
  go('COOKING', minuteMs, 12 * minuteMs);
  if (isCancelledEarly) {
    go('CANCELLED', minuteMs, 20 * minuteMs);
    return steps;
  }
  go('DELIVERING', 10 * minuteMs, 40 * minuteMs);
  if (random.chance(0.02)) go('CLOSED', 0, 0);
  else go('CLOSED', 5 * minuteMs, 35 * minuteMs);
  if (random.chance(0.015)) go('CANCELLED', 10 * minuteMs, 24 * hourMs);
  return steps;
}

/** Guests come back to the few restaurants they like, and some guests come much more often than others. */
export function createGuests(random: Random, { users, restaurants }: Catalogue) {
  const favourites = users.map(() => [random.pick(restaurants), random.pick(restaurants)]);
  return (): { user: User; restaurant: Restaurant } => {
    const index = Math.floor(users.length * random.next() ** 1.6);
    const restaurant = random.chance(0.7) ? random.pick(favourites[index]!) : random.pick(restaurants);
    return { user: users[index]!, restaurant };
  };
}

function makeItems(random: Random, { menu }: Restaurant): OrderMessage['payload']['order_items'] {
  const items = new Map<string, OrderMessage['payload']['order_items'][number]>();
  for (let count = random.between(1, 5); count > 0; count--) {
    // The first dishes of a menu are its best known ones.
    const dish = menu[Math.floor(menu.length * random.next() ** 1.4)]!;
    const quantity = random.chance(0.75) ? 1 : random.between(2, 4);
    items.set(dish._id, { id: dish._id, name: dish.name, price: dish.price, quantity });
  }
  return [...items.values()];
}

/** How long a message is on its way. A few are held up so long that later states arrive before them. */
function delayMs(random: Random): number {
  return random.chance(0.03) ? random.between(10 * minuteMs, 3 * hourMs) : random.between(0, 20 * secondMs);
}

export type NewOrder = {
  objectId: number;
  openedMs: number;
  /** Nothing happens after it: an order that is under way then stays open. */
  endMs: number;
  user: User;
  restaurant: Restaurant;
  /** With tips, VAT and payment methods. */
  withPayments: boolean;
};

/** The messages of one order with their arrival, in no order; some come twice. */
export function makeMessages(random: Random, order: NewOrder): Arriving[] {
  const items = makeItems(random, order.restaurant);
  const cost = items.reduce((sum, item) => sum + item.price * item.quantity, 0);
  const bonusPayment = random.chance(0.15) ? Math.floor((cost * random.between(5, 30)) / 100) : 0;
  const payment = cost - bonusPayment;
  const extras = {
    payment_method: random.pick(paymentMethods),
    tips_amount: random.chance(0.3) ? Math.ceil((payment * random.between(5, 15)) / 1000) * 10 : 0,
    nds_amount: Math.round(cost * vatShare * 100) / 100,
  };
  const steps = makeSteps(random, order.openedMs);
  const arriving: Arriving[] = [];
  let sentMs = 0;
  for (const [index, step] of steps.entries()) {
    const isTold =
      index === 0 || index === steps.length - 1 || step.status === 'CLOSED' || random.chance(0.45);
    // A later state is never sent before an earlier one, also where both are of one second.
    sentMs = Math.max(sentMs, step.atMs + random.between(0, 3) * secondMs);
    const arrivesMs = sentMs + delayMs(random);
    const repeated = random.chance(0.03);
    const repeatedMs = arrivesMs + random.between(secondMs, hourMs);
    if (!isTold || step.atMs > order.endMs) continue;
    const at = written(step.atMs);
    const statuses = steps
      .slice(0, index + 1)
      .reverse()
      .map(({ status, atMs }) => ({ status, dttm: written(atMs) }));
    const message: OrderMessage = {
      object_id: order.objectId,
      object_type: 'order',
      sent_dttm: written(sentMs),
      payload: {
        restaurant: { id: order.restaurant._id },
        date: at,
        user: { id: order.user._id },
        order_items: items,
        bonus_payment: bonusPayment,
        cost,
        payment,
        bonus_grant: step.status === 'CLOSED' ? Math.floor(payment / 20) : 0,
        statuses,
        final_status: step.status,
        update_ts: at,
        ...(order.withPayments ? extras : {}),
      },
    };
    arriving.push({ arrivesMs, message });
    if (repeated) arriving.push({ arrivesMs: repeatedMs, message });
  }
  return arriving;
}
