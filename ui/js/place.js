// Where the page looks, and all ways of moving there: keys, wheel, drag, pinch, buttons.

import { clamped, whole } from './region.js';

/** Part of the way that a smooth movement covers in a frame. */
const EASE = 0.3;
/** How long the place must rest before it is told as settled, in milliseconds. */
const REST = 250;

/** The place: `view` is what is drawn, `target` where it is heading. */
export class Place {
  /** `onMove()` when the view is to be drawn, `onTarget()` when there is a new aim, `onRest()` after. */
  constructor(lengthOf, { onMove, onTarget, onRest }) {
    Object.assign(this, { lengthOf, onMove, onTarget, onRest, view: null, target: null });
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
  }

  /**
   * Goes to a region of a known sequence; smoothly if asked and near. A `loose` place may lie
   * between bases until it rests.
   */
  go(region, { smooth = false, loose = false } = {}) {
    const onSequence = clamped(region, this.lengthOf(region.seq));
    const target = loose ? onSequence : whole(onSequence);
    const near = this.view?.seq === target.seq;
    this.target = target;
    if (smooth && near && !this.calm.matches) {
      this.step();
    } else {
      cancelAnimationFrame(this.frame);
      this.frame = null;
      this.view = target;
    }
    this.onMove();
    this.onTarget();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => (loose ? this.go(this.target, { smooth: true }) : this.onRest()), REST);
  }

  /** Moves by a part of the view. */
  pan(part, how = { smooth: true }) {
    if (!this.target) return;
    const { seq, start, end } = this.target;
    const by = part * (end - start);
    this.go({ seq, start: start + by, end: end + by }, how);
  }

  /** Makes the view `factor` times as wide; what is at that part of it stays there. */
  zoom(factor, part = 0.5, how = { smooth: true }) {
    if (!this.target) return;
    const { seq, start, end } = this.target;
    const width = Math.min(Math.max((end - start) * factor, 1), this.lengthOf(seq));
    const fixed = start + part * (end - start);
    this.go({ seq, start: fixed - part * width, end: fixed + (1 - part) * width }, how);
  }

  step() {
    if (this.frame) return;
    const ease = () => {
      const { view, target } = this;
      const width = target.end - target.start;
      const close = Math.abs(view.start - target.start) + Math.abs(view.end - target.end) < width * 0.004;
      const toward = (from, to) => from + (to - from) * EASE;
      this.view = close ? target : { seq: target.seq, start: toward(view.start, target.start), end: toward(view.end, target.end) };
      this.frame = close ? null : requestAnimationFrame(ease);
      this.onMove();
    };
    this.frame = requestAnimationFrame(ease);
  }

  /** Lets the pointer move the view over `element`, wherever `over(target)` holds. */
  listen(element, over) {
    const fingers = new Map();
    const partOf = x => {
      const box = element.getBoundingClientRect();
      return (x - box.left) / box.width;
    };
    element.addEventListener('wheel', event => {
      if (!over(event.target)) return;
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
        const by = (event.deltaX || event.deltaY) * unit;
        this.pan(by / element.clientWidth, { loose: true });
      } else {
        const speed = event.ctrlKey ? 0.01 : 0.0016;
        const exponent = Math.min(Math.max(event.deltaY * unit * speed, -1), 1);
        this.zoom(Math.exp(exponent), partOf(event.clientX), { smooth: true, loose: true });
      }
    }, { passive: false });
    element.addEventListener('pointerdown', event => {
      if (!over(event.target) || event.button !== 0) return;
      event.target.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, event.clientX);
    });
    element.addEventListener('pointermove', event => {
      if (!fingers.has(event.pointerId) || !this.target) return;
      const before = [...fingers.values()];
      fingers.set(event.pointerId, event.clientX);
      const after = [...fingers.values()];
      if (before.length === 1) {
        if (after[0] !== before[0]) this.pan((before[0] - after[0]) / element.clientWidth, { loose: true });
      } else {
        const gap = ([a, b]) => Math.max(Math.abs(a - b), 20);
        const middle = ([a, b]) => (a + b) / 2;
        this.pan((middle(before) - middle(after)) / element.clientWidth, { loose: true });
        this.zoom(gap(before) / gap(after), partOf(middle(after)), { loose: true });
      }
      element.classList.add('is-dragged');
    });
    const release = event => {
      fingers.delete(event.pointerId);
      if (fingers.size === 0) element.classList.remove('is-dragged');
    };
    for (const name of ['pointerup', 'pointercancel']) element.addEventListener(name, release);
    element.addEventListener('dblclick', event => {
      if (over(event.target)) this.zoom(0.5, partOf(event.clientX));
    });
  }
}
