%% A module of the agent that has beamscope_apart.hrl and what stands on it alone, to test that.
-module(beamscope_apart).

-export([outcome/1, copy/1]).

-include("../src/beamscope_apart.hrl").
-include("../src/beamscope_copied.hrl").

outcome(#{words := Words, millis := Millis, ask := Ask}) -> term_to_binary(apart(Words, Millis, Ask)).

copy(#{pid := Pid, words := Words, millis := Millis, ask := Ask}) -> term_to_binary(apart_of(Pid, Words, Millis, Ask)).
