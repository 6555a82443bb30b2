%% @doc All processes by where they stand. The same source runs loaded and interpreted; see `beamscope_processes' for what
%% that asks of it.
%%
%% What is read of all processes is read by list BIFs, and counted in private ETS tables, which go with the process that
%% asks.
-module(beamscope_stacks).

-export([stacks/1]).

-export_type([stacks_spec/0]).

%% Frames of a stack that a match specification takes the places off. The node keeps 8, unless told otherwise.
-define(FRAMES, 8).
%% Processes that are named of each stack.
-define(SAMPLES, 3).

-type stacks_spec() :: #{
    %% Parts of frames that follow each other, the innermost first, each as `Module.function/Arity', in any case.
    filter => [binary()],
    %% Stacks with these parts in frames that follow each other are left out.
    exclude => [binary()],
    %% Milliseconds of work after which a scan ends with what it has.
    deadline_ms := non_neg_integer(),
    %% Milliseconds to rest after every thousand processes; helpers, where processes wait for the schedulers, do not rest.
    pause_ms := non_neg_integer(),
    %% Stacks that are told from one another; who stands elsewhere is counted together.
    stacks := pos_integer(),
    %% `depth': how many frames; `function': the innermost.
    sort := count | depth | function,
    limit := pos_integer(),
    order := ascending | descending,
    'after' => binary(),
    atom() => term()
}.

-include("beamscope_listing.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_survey.hrl").
-include("beamscope_own.hrl").

%% @doc All processes by where they stand, but for the one that asks. The words of `listed', packed, and `processes', how
%% many were looked at. A row is a stack without files and lines, how many processes have it, and some of them. Those that
%% work for the node that asks are one row without filters, `own': what it asks at the same time is gone a moment later.
%% Incomplete: `deadline'; `stacks', where there are more than are told from one another, and one row without filters is
%% `other'.
-spec stacks(stacks_spec()) -> binary().
stacks(#{deadline_ms := Deadline, stacks := Most, sort := Sort} = Spec) ->
    Bounds = (maps:with([pause_ms], Spec))#{until => now_ms() + Deadline, helpers => ?HELPERS},
    Counts = ets:new(stacks, [private]),
    Samples = ets:new(stacks, [private, duplicate_bag]),
    Locate = {locate, ets:match_spec_compile(placeless())},
    Add = fun(_, Pairs, Seen) ->
        {Stacks, _} = lists:unzip(Pairs),
        Distinct = lists:usort(Stacks),
        Known = lists:append(lists:zipwith(fun ets:lookup/2, repeated(Counts, Distinct), Distinct)),
        {Had, _} = lists:unzip(Known),
        Room = Most - ets:info(Counts, size),
        New = lists:sublist(Distinct -- Had, max(0, Room)),
        Others = (Distinct -- Had) -- New,
        Places = maps:from_list(lists:zip(Others, repeated(other, Others))),
        Counted = lists:zipwith3(fun maps:get/3, Stacks, repeated(Places, Stacks), Stacks),
        Keys = New ++ [other || Others =/= []],
        _ = lists:zipwith(fun ets:insert_new/2, repeated(Counts, Keys), lists:zip(Keys, repeated(0, Keys))),
        _ = lists:zipwith3(fun ets:update_counter/3, repeated(Counts, Counted), Counted, repeated(1, Counted)),
        %% What is kept grows with the stacks, not with the processes.
        Sampled = New ++ scarce(Known),
        Wanted = maps:from_list(lists:zip(Sampled, Sampled)),
        true = ets:insert(Samples, [Pair || {Stack, _} = Pair <- sample(Pairs, ?SAMPLES, []), is_map_key(Stack, Wanted)]),
        Seen + length(Pairs)
    end,
    {Processes, Why, _} = survey(fun others/2, processes(), Bounds, Locate, Add, 0),
    Matching = [{Count, erlang:md5(term_to_binary(Stack)), Stack} || {Stack, Count} <- matching(Counts, Spec)],
    ById = maps:from_list([{Id, Row} || {_, Id, _} = Row <- Matching]),
    Read = fun({_, Id}) ->
        {Count, _, Stack} = map_get(Id, ById),
        Pids = [Pid || {_, Pid} <- lists:sublist(ets:lookup(Samples, Stack), ?SAMPLES)],
        #{count => Count, pids => Pids, frames => frames(Stack), other => Stack =:= other, own => Stack =:= own}
    end,
    {Page, Next} = page(stack_keys(Matching, Sort), Spec),
    packed(#{
        processes => Processes,
        total => ets:info(Counts, size),
        matched => length(Matching),
        rows => lists:zip(Page, lists:map(Read, Page)),
        next => Next,
        incomplete => Why ++ [stacks || ets:member(Counts, other)]
    }).

look_at({locate, Placeless}, Pids) ->
    Items = repeated([current_stacktrace, group_leader, registered_name], Pids),
    Answers = lists:zip(lists:zipwith(fun erlang:process_info/2, Pids, Items), Pids),
    located(ets:match_spec_run(Answers, Placeless)).

stack_keys(Stacks, Sort) -> [{stack_rank(Sort, Row), Id} || {_, Id, _} = Row <- Stacks].

stack_rank(count, {Count, _, _}) -> Count;
stack_rank(depth, {_, _, Stack}) -> length(frames(Stack));
%% One without frames comes last.
stack_rank(function, {_, _, Stack}) -> hd(frames(Stack) ++ [[]]).

%% The next processes, without the one that asks: for `survey'.
others(_, []) ->
    none;
others(Count, Processes) ->
    {Pids, Rest} = some(Count, Processes),
    {lists:delete(self(), Pids), Rest}.

%% Stacks that few samples were taken of.
scarce(Known) -> [Stack || {Stack, Count} <- Known, Count < ?SAMPLES].

repeated(Term, List) -> lists:duplicate(length(List), Term).

%% Takes files and lines off the stacks that processes have told. Those of more frames go through with them. Ours stand
%% nowhere.
placeless() ->
    [{{told('_'), '$0'}, [own_guard('$101', '$100')], [{{own, '$0'}}]}] ++
        lists:map(fun placeless/1, lists:seq(0, ?FRAMES)) ++
        [{{told('$1'), '$2'}, [], [{{{{places, '$1'}}, '$2'}}]}].

placeless(Count) ->
    Variable = fun(Number) -> list_to_atom([$$ | integer_to_list(Number)]) end,
    Frames = [{Variable(At), Variable(At + 1), Variable(At + 2)} || At <- lists:seq(1, 3 * Count, 3)],
    Taken = [{Module, Function, Arity, '_'} || {Module, Function, Arity} <- Frames],
    Told = [{{Module, Function, Arity}} || {Module, Function, Arity} <- Frames],
    {{told(Taken), '$0'}, [], [{{Told, '$0'}}]}.

told(Stack) -> [{current_stacktrace, Stack}, {group_leader, '$100'}, {'_', '$101'}].

%% Who hibernates has no stack, but a place where it does that. Who has neither stays without.
located(Pairs) ->
    {Empty, Others} = lists:partition(fun is_empty/1, Pairs),
    {_, Pids} = lists:unzip(Empty),
    Told = lists:zipwith(fun erlang:process_info/2, Pids, repeated(current_function, Pids)),
    Places = [
        {{{current_function, {'$1', '$2', '$3'}}, '$4'}, [], [{{[{{'$1', '$2', '$3'}}], '$4'}}]},
        {{'_', '$4'}, [], [{{[], '$4'}}]}
    ],
    ets:match_spec_run(lists:zip(Told, Pids), ets:match_spec_compile(Places)) ++ Others.

is_empty({Stack, _}) -> Stack =:= [].

frames(Together) when is_atom(Together) -> [];
frames({places, Stack}) -> [{Module, Function, Arity} || {Module, Function, Arity, _} <- Stack];
frames(Stack) -> Stack.

%% Some of the processes with each stack.
sample([], _, Samples) ->
    Samples;
sample(_, 0, Samples) ->
    Samples;
sample(Pairs, Count, Samples) ->
    First = lists:ukeysort(1, Pairs),
    sample(Pairs -- First, Count - 1, First ++ Samples).

matching(Counts, Spec) ->
    Wanted = maps:with([filter, exclude], Spec),
    [
        Row
     || {Stack, _} = Row <- ets:tab2list(Counts),
        passes(frames(Stack), Wanted),
        not is_atom(Stack) orelse map_size(Wanted) =:= 0
    ].

passes(_, Wanted) when map_size(Wanted) =:= 0 ->
    true;
passes(Frames, Wanted) ->
    Lines = [[atom_to_list(M), ".", atom_to_list(F), "/", integer_to_list(A)] || {M, F, A} <- Frames],
    Texts = lists:map(fun unicode:characters_to_list/1, Lines ++ ["unknown" || Frames =:= []]),
    All = lists:join("\n", Texts),
    lists:all(fun({Which, Parts}) -> follow(Parts, All, Texts) =:= (Which =:= filter) end, maps:to_list(Wanted)).

%% Whether frames that follow each other have these parts, one each.
follow([Part], All, _) ->
    contains(All, Part);
follow([First | _] = Parts, All, Texts) ->
    contains(All, First) andalso lists:any(fun(From) -> have(lists:nthtail(From, Texts), Parts) end, lists:seq(0, length(Texts) - 1)).

have(_, []) -> true;
have([], _) -> false;
have([Text | Texts], [Part | Parts]) -> contains(Text, Part) andalso have(Texts, Parts).
