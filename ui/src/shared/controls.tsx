/** Buttons, badges, inputs and choices: the small parts that every screen is made of. */

import { Combobox as BaseCombobox } from "@base-ui/react/combobox";
import { Select as BaseSelect } from "@base-ui/react/select";
import { Switch as BaseSwitch } from "@base-ui/react/switch";
import { Tooltip as BaseTooltip } from "@base-ui/react/tooltip";
import type { ComponentProps, KeyboardEvent, ReactElement, ReactNode } from "react";
import styles from "./controls.module.css";
import { cx } from "./cx";

export type Tone = "neutral" | "ok" | "warning" | "error" | "information";

type ButtonKind = "plain" | "primary" | "danger" | "quiet";

export interface ButtonProps extends Omit<ComponentProps<"button">, "type"> {
  kind?: ButtonKind;
  type?: "button" | "submit";
  /** Fills its container, text on the left. */
  wide?: boolean;
  /** Square, for one sign: needs an aria-label. */
  icon?: boolean;
  keys?: string;
  testId?: string;
}

export function Button({ kind = "plain", type = "button", wide, icon, keys, testId, className, children, ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      data-testid={testId}
      className={cx(styles["button"], kind !== "plain" && styles[kind], wide && styles["wide"], icon && styles["icon"], className)}
    >
      {children}
      {keys !== undefined && <KeyHint keys={keys} />}
    </button>
  );
}

const KEY_SIGNS: Readonly<Record<string, string>> = { "Shift Enter": "⇧⏎", Enter: "⏎" };

/** A key as it is pressed. `plain` leaves the words as they are. */
export function KeyHint({ keys }: { keys: string }) {
  return <kbd className={styles["key"]}>{KEY_SIGNS[keys] ?? keys}</kbd>;
}

export function Badge({ tone = "neutral", children, testId, title }: { tone?: Tone; children: ReactNode; testId?: string; title?: string }) {
  return (
    <span className={cx(styles["badge"], styles[tone])} data-tone={tone} data-testid={testId} title={title}>
      {children}
    </span>
  );
}

/** A coloured dot. Colour alone tells nothing: what it means stands beside it. */
export function Dot({ tone, color }: { tone?: Tone; color?: string | undefined }) {
  return <span className={styles["dot"]} data-tone={tone} style={color === undefined ? undefined : { background: color }} aria-hidden="true" />;
}

export interface TextInputProps extends Omit<ComponentProps<"input">, "onChange" | "value"> {
  label: string;
  value: string;
  onChange: (value: string) => void;
  mono?: boolean;
  testId?: string;
}

/** A field whose name is spoken, not shown; Form shows names. */
export function TextInput({ label, value, onChange, mono, testId, className, ...rest }: TextInputProps) {
  return (
    <input
      {...rest}
      aria-label={label}
      data-testid={testId}
      className={cx(styles["input"], mono && "mono", className)}
      value={value}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

export interface SearchInputProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  width?: number;
  testId?: string;
}

/** The search of a list: `/` moves here, Escape clears and then leaves. */
/** From the search into what it found: the first row of the nearest table. */
function intoRows(event: KeyboardEvent<HTMLInputElement>) {
  for (let around = event.currentTarget.parentElement; around !== null; around = around.parentElement) {
    const rows = around.querySelector<HTMLElement>("[role=grid]");
    if (rows === null) continue;
    event.preventDefault();
    rows.focus();
    rows.dispatchEvent(new window.KeyboardEvent("keydown", { key: "Home", bubbles: true }));
    return;
  }
}

export function SearchInput({ label, value, onChange, placeholder = label, width = 240, testId = "search" }: SearchInputProps) {
  return (
    <label className={styles["search"]} data-search="" style={{ width }}>
      <input
        type="search"
        aria-label={label}
        placeholder={placeholder}
        data-testid={testId}
        value={value}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" || event.key === "Enter") intoRows(event);
          if (event.key !== "Escape") return;
          event.preventDefault();
          if (value) onChange("");
          else event.currentTarget.blur();
        }}
      />
      {value === "" && <KeyHint keys="/" />}
    </label>
  );
}

export interface Choice<V extends string = string> {
  value: V;
  label: string;
  hint?: string | undefined;
}

export interface SelectProps<V extends string> {
  label: string;
  value: V;
  choices: readonly Choice<V>[];
  onChange: (value: V) => void;
  /** Shown before the chosen label: `From: now`. */
  prefix?: string;
  disabled?: boolean;
  className?: string | undefined;
  testId?: string;
}

export function Select<V extends string>({ label, value, choices, onChange, prefix, disabled = false, className, testId }: SelectProps<V>) {
  const chosen = choices.find((choice) => choice.value === value);
  return (
    <BaseSelect.Root value={value} onValueChange={(next) => next !== null && onChange(next)} disabled={disabled} modal={false}>
      <BaseSelect.Trigger className={cx(styles["button"], styles["trigger"], className)} aria-label={(chosen?.label ?? value) === "" ? label : `${label}: ${chosen?.label ?? value}`} data-testid={testId}>
        <span>
          {prefix !== undefined && `${prefix} `}
          {chosen?.label ?? value}
        </span>
        <span className={styles["caret"]} aria-hidden="true">▼</span>
      </BaseSelect.Trigger>
      <BaseSelect.Portal>
        <BaseSelect.Positioner className={styles["positioner"]} sideOffset={4} align="start" alignItemWithTrigger={false}>
          <BaseSelect.Popup className={styles["popup"]}>
            {choices.map((choice) => (
              <BaseSelect.Item key={choice.value} value={choice.value} className={styles["item"]} data-testid={testId && `${testId}-${choice.value}`}>
                <BaseSelect.ItemText>{choice.label}</BaseSelect.ItemText>
                {choice.hint !== undefined && <span className={styles["hint"]}>{choice.hint}</span>}
              </BaseSelect.Item>
            ))}
          </BaseSelect.Popup>
        </BaseSelect.Positioner>
      </BaseSelect.Portal>
    </BaseSelect.Root>
  );
}

export interface ComboboxProps {
  label: string;
  value: string;
  choices: readonly Choice[];
  onChange: (value: string) => void;
  placeholder?: string;
  /** Whether text that is no choice may be kept. */
  free?: boolean;
  width?: number | undefined;
  /** Of its text: what is named and what it is compared with are told apart. */
  tone?: "info" | "accent";
  testId?: string | undefined;
}

/** A field that completes from a list. */
export function Combobox({ label, value, choices, onChange, placeholder, free = false, width, tone, testId }: ComboboxProps) {
  return (
    <BaseCombobox.Root
      items={choices}
      value={choices.find((choice) => choice.value === value) ?? (value ? { value, label: value } : null)}
      isItemEqualToValue={(a, b) => a.value === b.value}
      onValueChange={(choice) => choice !== null && onChange(choice.value)}
      {...(free && { onInputValueChange: (text: string, details: { reason: string }) => details.reason === "input-change" && onChange(text) })}
    >
      <BaseCombobox.Input aria-label={label} placeholder={placeholder} className={cx(styles["input"], tone)} style={width === undefined ? undefined : { width }} data-testid={testId} spellCheck={false} />
      <BaseCombobox.Portal>
        <BaseCombobox.Positioner className={styles["positioner"]} sideOffset={4} align="start">
          <BaseCombobox.Popup className={styles["popup"]}>
            <BaseCombobox.Empty>
              <div className={styles["none"]}>{free ? "No match: what you typed is used as it is." : "No match."}</div>
            </BaseCombobox.Empty>
            <BaseCombobox.List>
              {(choice: Choice) => (
                <BaseCombobox.Item key={choice.value} value={choice} className={styles["item"]}>
                  {choice.label}
                  {choice.hint !== undefined && <span className={styles["hint"]}>{choice.hint}</span>}
                </BaseCombobox.Item>
              )}
            </BaseCombobox.List>
          </BaseCombobox.Popup>
        </BaseCombobox.Positioner>
      </BaseCombobox.Portal>
    </BaseCombobox.Root>
  );
}

export function Switch({ label, checked, onChange, testId, showLabel = true }: { label: string; checked: boolean; onChange: (checked: boolean) => void; testId?: string; showLabel?: boolean }) {
  return (
    <label className={styles["switchLabel"]}>
      <BaseSwitch.Root className={styles["switch"]} checked={checked} onCheckedChange={onChange} aria-label={label} data-testid={testId}>
        <BaseSwitch.Thumb className={styles["thumb"]} />
      </BaseSwitch.Root>
      {showLabel && label}
    </label>
  );
}

/** A short explanation on hover and focus. The trigger keeps its own name. */
export function Tooltip({ text, children }: { text: ReactNode; children: ReactElement<Record<string, unknown>> }) {
  return (
    <BaseTooltip.Root>
      <BaseTooltip.Trigger render={children} />
      <BaseTooltip.Portal>
        <BaseTooltip.Positioner sideOffset={6}>
          <BaseTooltip.Popup className={styles["tooltip"]}>{text}</BaseTooltip.Popup>
        </BaseTooltip.Positioner>
      </BaseTooltip.Portal>
    </BaseTooltip.Root>
  );
}
